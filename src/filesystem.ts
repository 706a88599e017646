export { FilesystemFileStorage } from './adapters/filesystem/filesystem-file-storage.ts'

export { FilesystemFileStorage } from './filesystem-file-storage.ts'

export { FilesystemFileStorage, type FilesystemOptions } from './filesystem-file-storage.ts'

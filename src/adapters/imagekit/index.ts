export { ImagekitFileStorage } from './imagekit-file-storage.ts'

declare module '@koa/multer' {
  import type { IncomingMessage } from 'node:http'
  import type { Readable, Writable } from 'node:stream'
  import type { Middleware } from 'koa'
  export interface IncomingFile {
    readonly originalname: string
    readonly stream: Readable
  }
  export interface StorageEngine {
    _handleFile(req: IncomingMessage & { body: unknown }, file: IncomingFile, done: (error?: unknown) => void): void
    _removeFile(req: IncomingMessage, file: IncomingFile, done: (error?: unknown) => void): void
  }
  export interface Options {
    storage: StorageEngine
    limits: Record<string, number>
    preservePath: boolean
    defParamCharset: string
    streamHandler: (req: IncomingMessage, parser: Writable) => void
  }
  export default function multer(options: Options): { single(field: string): Middleware }
}

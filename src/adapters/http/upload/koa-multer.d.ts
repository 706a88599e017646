declare module '@koa/multer' {
  import type { EventEmitter } from 'node:events'
  import type { IncomingMessage } from 'node:http'
  import type { Readable } from 'node:stream'
  import type { Middleware } from 'koa'
  export type Fields = Readonly<Record<string, string | readonly string[]>>
  export interface IncomingFile {
    readonly originalname: string
    readonly stream: Readable
  }
  export interface StorageEngine {
    _handleFile(req: IncomingMessage & { body: Fields }, file: IncomingFile, done: (error?: unknown) => void): void
    _removeFile(req: IncomingMessage, file: IncomingFile, done: (error?: unknown) => void): void
  }
  export interface Options {
    storage: StorageEngine
    limits: Record<string, number>
    preservePath: boolean
    streamHandler: (req: IncomingMessage, parser: EventEmitter) => void
  }
  export default function multer(options: Options): { single(field: string): Middleware }
}

import { createWriteStream } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { setTimeout } from 'node:timers/promises'
import busboy from 'busboy'
import { fileTypeFromBuffer } from 'file-type'
import { ApiError, unsupported } from './answers.ts'
import type { Fault } from './faults.ts'

export interface Form {
  readonly fields: ReadonlyMap<string, string>
  readonly hasFile: boolean
  readonly size: number
  /** Detected from the first bytes [S]. */
  readonly mime: string
}

const FIELDS = new Set(['fileName', 'folder', 'useUniqueFileName', 'overwriteFile', 'isPrivateFile'])

/** Reads a form to its end, because the order of its fields is free [S]. @param path Receives the file's bytes. */
export function readForm(req: IncomingMessage, path: string, fault: Fault | undefined): Promise<Form> {
  const fields = new Map<string, string>()
  const form = { fields, hasFile: false, size: 0, mime: 'application/octet-stream' }
  async function* counted(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      if (form.size === 0) form.mime = (await fileTypeFromBuffer(chunk))?.mime ?? form.mime
      form.size += chunk.length
      if (fault?.type === 'slow receiver') await setTimeout((chunk.length / fault.bytesPerSecond) * 1000)
      yield chunk
    }
  }
  return new Promise((resolve, reject) => {
    if (!/^multipart\/form-data; *boundary=/.test(req.headers['content-type'] ?? '')) throw malformed()
    const parser = busboy({ headers: req.headers, limits: { files: 1 } })
    let writing = Promise.resolve()
    parser.on('field', (name, value) => {
      if (FIELDS.has(name)) fields.set(name, value)
      else reject(unsupported(`The text field ${name}`))
    })
    parser.on('file', (name, stream) => {
      form.hasFile = name === 'file'
      writing = pipeline(stream, counted, createWriteStream(path))
      writing.catch(() => reject(malformed()))
    })
    parser.on('filesLimit', () => reject(new ApiError(400, 'Invalid file parameter: an upload has one file')))
    parser.on('close', () => void writing.then(() => resolve(form), reject))
    parser.on('error', () => reject(malformed()))
    req.on('error', reject)
    req.on('close', () => req.complete || reject(new Error('the client closed the connection')))
    req.pipe(parser)
  })
}

const malformed = (): ApiError => new ApiError(400, 'Your request is not a well-formed multipart form')

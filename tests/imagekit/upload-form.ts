import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { setTimeout } from 'node:timers/promises'
import busboy from 'busboy'
import { fileTypeFromBuffer } from 'file-type'
import type { Account } from './account.ts'
import { notOffered, Refusal } from './answers.ts'
import type { Fault } from './faults.ts'

export interface Form {
  readonly fields: ReadonlyMap<string, string>
  /** Where the content of its file lies. */
  readonly bytes: string | undefined
  readonly size: number
  /** By its first bytes [S]. */
  readonly mime: string
}

/** Text fields that this server heeds. */
const FIELDS = new Set(
  'fileName useUniqueFileName overwriteFile folder tags isPrivateFile isPublished responseFields publicKey signature expire token'.split(
    ' ',
  ),
)
const YES_OR_NO = ['useUniqueFileName', 'overwriteFile', 'isPrivateFile', 'isPublished']

export const limitOf = (mime: string, { maxFile, maxVideo }: Account): number =>
  mime.startsWith('video/') ? maxVideo : maxFile

export const tooLarge = (): Refusal =>
  new Refusal(400, 'Invalid file parameter: its size exceeds the limit of your plan')

/** To its closing boundary: nothing may be decided before [S]. */
export async function readForm(req: IncomingMessage, account: Account, fault: Fault | undefined): Promise<Form> {
  const path = account.library.newPath()
  try {
    return await parse(req, path, account, fault)
  } catch (error) {
    await rm(path, { force: true })
    throw error
  }
}

function parse(req: IncomingMessage, path: string, account: Account, fault: Fault | undefined): Promise<Form> {
  const fields = new Map<string, string>()
  const form = { fields, bytes: undefined as string | undefined, size: 0, mime: 'application/octet-stream' }
  async function* counted(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      if (form.size === 0) form.mime = (await fileTypeFromBuffer(chunk))?.mime ?? form.mime
      form.size += chunk.length
      if (account.switches.refusesEarly && form.size > limitOf(form.mime, account)) throw tooLarge()
      if (fault?.type === 'slow receiver') await setTimeout((chunk.length / fault.bytesPerSecond) * 1000)
      yield chunk
    }
  }
  return new Promise((resolve, reject) => {
    const parser = parserOf(req)
    let writing = Promise.resolve()
    parser.on('field', (name, value) => {
      if (name === 'file') reject(notOffered('A file given as text (an address, base64)'))
      else if (!FIELDS.has(name)) reject(notOffered(`The field ${name}`))
      else if (YES_OR_NO.includes(name) && value !== 'true' && value !== 'false')
        reject(new Refusal(400, `Invalid ${name} parameter`))
      else fields.set(name, value)
    })
    parser.on('file', (name, stream) => {
      if (name !== 'file' || form.bytes !== undefined) {
        stream.resume()
        return reject(new Refusal(400, 'Invalid file parameter: one upload has one file'))
      }
      form.bytes = path
      writing = pipeline(stream, counted, createWriteStream(path))
      writing.catch((error) => reject(error instanceof Refusal ? error : malformed()))
    })
    parser.on('close', () => void writing.then(() => resolve(form), reject))
    parser.on('error', () => reject(malformed()))
    req.on('error', reject)
    req.on('close', () => req.complete || reject(new Error('the sender left')))
    req.pipe(parser)
  })
}

const malformed = (): Refusal => new Refusal(400, 'Your request is not a well-formed multipart form')

function parserOf({ headers }: IncomingMessage): busboy.Busboy {
  try {
    return busboy({ headers })
  } catch {
    throw malformed()
  }
}

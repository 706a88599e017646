import { randomBytes } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { setTimeout } from 'node:timers/promises'
import busboy from 'busboy'
import { fileTypeFromFile } from 'file-type'
import { Refusal } from './answers.ts'
import { type Asset, cleanFolder, cleanName, type Library, pathOf } from './library.ts'
import type { Fault, Switches } from './switches.ts'

export interface Account {
  readonly library: Library
  readonly urlEndpoint: () => string
  readonly switches: Switches
  /** Bytes; the plan's limit for all but videos, and for these. */
  readonly maxFile: number
  readonly maxVideo: number
}

interface Form {
  readonly fields: Map<string, string>
  readonly bytes: string | undefined
  readonly size: number
}

/** POST /api/v1/files/upload: nothing is kept before the form has come to its end [S]. */
export async function uploadFile(req: IncomingMessage, account: Account, fault: Fault | undefined): Promise<object> {
  const { library, switches, urlEndpoint } = account
  if (!switches.chunkedUploads && req.headers['content-length'] === undefined) throw new Refusal(411, 'Length Required')
  const form = await readForm(req, account, fault)
  try {
    return await keep(form)
  } catch (error) {
    if (form.bytes) await rm(form.bytes, { force: true })
    throw error
  }

  async function keep({ fields, bytes, size }: Form): Promise<object> {
    const given = fields.get('fileName')
    if (bytes === undefined) throw new Refusal(400, 'Missing file parameter for upload')
    if (given === undefined) throw new Refusal(400, 'Missing fileName parameter for upload')
    const type = await fileTypeFromFile(bytes)
    const isVideo = type?.mime.startsWith('video/') ?? false
    if (size > (isVideo ? account.maxVideo : account.maxFile)) throw tooLarge()
    if (size === 0 && switches.refusesEmptyFiles) throw new Refusal(400, 'Invalid file parameter: the file is empty')
    const tags = fields.get('tags')
    if (tags !== undefined && (tags.length > 500 || tags.includes('%')))
      throw new Refusal(400, 'Invalid tags parameter')
    const folder = cleanFolder(fields.get('folder') ?? '/')
    if (folder === undefined) throw new Refusal(400, 'Invalid folder parameter', 'INVALID_FOLDER_PATH')
    const name = fields.get('useUniqueFileName') === 'false' ? cleanName(given) : unique(cleanName(given))
    const before = library.at(pathOf({ folder, name }))
    if (before && fields.get('overwriteFile') === 'false')
      throw new Refusal(400, 'A file with the same name already exists at the exact location')
    const asset: Asset = {
      fileId: before?.fileId ?? randomBytes(12).toString('hex'),
      name,
      folder,
      size,
      isPrivate:
        fields.get('isPrivateFile') === 'true' && (type?.mime.startsWith('image/') || switches.privateRawFiles),
      isImage: type?.mime.startsWith('image/') ?? false,
      tags: tags === undefined ? null : tags.split(','),
      createdAt: before?.createdAt ?? new Date(),
      bytes,
      versions: (before?.versions ?? 0) + 1,
    }
    library.add(asset)
    return {
      fileId: asset.fileId,
      name,
      size: fault?.type === 'wrong size' ? size - 1 : size,
      versionInfo: { id: asset.fileId, name: `Version ${asset.versions}` },
      filePath: pathOf(asset),
      url: urlEndpoint() + pathOf(asset),
      fileType: asset.isImage ? 'image' : 'non-image',
      AITags: null,
    }
  }
}

/** `base_<nine characters>.ext` [C]. */
const unique = (name: string): string =>
  name.replace(/(\.[^.]*)?$/, (extension) => `_${randomBytes(9).toString('base64url').slice(0, 9)}${extension}`)

const tooLarge = () => new Refusal(400, 'Invalid file parameter: its size exceeds the limit of your plan')

function readForm(req: IncomingMessage, account: Account, fault: Fault | undefined): Promise<Form> {
  const { library, switches, maxFile, maxVideo } = account
  const fields = new Map<string, string>()
  const parser = busboy({ headers: req.headers })
  let bytes: string | undefined
  let size = 0
  const writing: Promise<unknown>[] = []
  return new Promise((resolve, reject) => {
    parser.on('field', (name, value) => void fields.set(name, value))
    parser.on('file', (name, stream) => {
      if (name !== 'file') return void stream.resume()
      const path = library.newPath()
      bytes = path
      async function* counted(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
        for await (const chunk of chunks) {
          size += chunk.length
          if (switches.refusesEarly && size > Math.max(maxFile, maxVideo)) throw tooLarge()
          if (fault?.type === 'slow receiver') await setTimeout((chunk.length / fault.bytesPerSecond) * 1000)
          yield chunk
        }
      }
      writing.push(pipeline(stream, counted, createWriteStream(path)))
      writing.at(-1)?.catch(reject)
    })
    parser.on('close', () => void Promise.all(writing).then(() => resolve({ fields, bytes, size }), reject))
    parser.on('error', () => reject(new Refusal(400, 'Your request is not a well-formed multipart form')))
    req.on('error', reject)
    req.on('close', () => {
      if (req.complete) return
      reject(new Error('the sender left'))
      if (bytes) void rm(bytes, { force: true })
    })
    req.pipe(parser)
  })
}

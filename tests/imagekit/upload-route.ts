import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { ApiError, unsupported } from './answers.ts'
import type { Fault } from './faults.ts'
import { type Account, type Asset, FOLDER, pathOf } from './library.ts'
import { type Form, readForm } from './upload-form.ts'

/** POST /api/v1/files/upload. https://imagekit.io/docs/api-reference/upload-file/upload-file */
export async function uploadFile(req: IncomingMessage, account: Account, fault: Fault | undefined): Promise<object> {
  if (!account.switches.chunkedUploads && req.headers['content-length'] === undefined)
    throw new ApiError(411, 'Length Required')
  const bytes = account.library.newPath()
  try {
    const asset = toAsset(await readForm(req, bytes, fault), bytes, account)
    account.library.add(asset)
    const { fileId, name, size } = asset
    const filePath = pathOf(asset)
    const url = `${account.urlEndpoint}${filePath}`
    return { fileId, name, size: fault?.type === 'wrong size' ? size - 1 : size, filePath, url }
  } catch (error) {
    await rm(bytes, { force: true })
    throw error
  }
}

function toAsset({ fields, hasFile, size, mime }: Form, bytes: string, account: Account): Asset {
  const { library, switches, maxFile, maxVideo } = account
  const [name, folder] = [fields.get('fileName'), fields.get('folder') ?? '']
  if (!hasFile) throw new ApiError(400, 'Missing file parameter for upload')
  if (!name) throw new ApiError(400, 'Missing fileName parameter for upload')
  if (size > (mime.startsWith('video/') ? maxVideo : maxFile))
    throw new ApiError(400, 'Invalid file parameter: its size exceeds the limit of your plan')
  if (size === 0 && switches.refusesEmptyFiles) throw new ApiError(400, 'Invalid file parameter: the file is empty')
  // Both are true by default [S].
  if (fields.get('useUniqueFileName') !== 'false') throw unsupported('An upload without useUniqueFileName=false')
  if (fields.get('overwriteFile') !== 'false') throw unsupported('An upload without overwriteFile=false')
  const isPrivate = fields.get('isPrivateFile') ?? 'false'
  if (isPrivate !== 'true' && isPrivate !== 'false') throw new ApiError(400, 'Invalid isPrivateFile parameter')
  // ImageKit replaces other characters [S].
  if (!/^[\w.-]+$/.test(name)) throw unsupported(`The name ${name}`)
  if (!FOLDER.test(folder)) throw unsupported(`The folder ${folder}`)
  if (library.has(pathOf({ folder, name })))
    throw new ApiError(400, 'A file with the same name already exists at the exact location')
  return {
    fileId: randomBytes(12).toString('hex'),
    name,
    folder,
    size,
    mime,
    isPrivate: isPrivate === 'true' && (mime.startsWith('image/') || switches.privateRawFiles),
    createdAt: new Date(),
    bytes,
  }
}

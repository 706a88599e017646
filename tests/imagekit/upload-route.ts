import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import type { Account } from './account.ts'
import { notOffered, Refusal } from './answers.ts'
import { authenticateForm, isSignedForm } from './client-auth.ts'
import type { Fault } from './faults.ts'
import { type Asset, cleaner, cleanFolder, pathOf } from './library.ts'
import { type Form, limitOf, readForm, tooLarge } from './upload-form.ts'

const MAX_VERSIONS = 100

/** POST /api/v1/files/upload and v2, which differ in how browsers sign. @param isServer whether a private key came with it. */
export async function uploadFile(
  req: IncomingMessage,
  account: Account,
  isServer: boolean,
  fault: Fault | undefined,
): Promise<object> {
  if (!account.switches.chunkedUploads && req.headers['content-length'] === undefined)
    throw new Refusal(411, 'Length Required')
  const form = await readForm(req, account, fault)
  try {
    if (isServer && isSignedForm(form.fields))
      throw new Refusal(400, 'Your request contains both a private API key and a signature')
    if (!isServer && !isSignedForm(form.fields)) throw noKey()
    if (!isServer) authenticateForm(form.fields, account)
    const asset = check(form, account)
    await account.library.add(asset)
    return toUploaded(asset, form, account, fault)
  } catch (error) {
    if (form.bytes) await rm(form.bytes, { force: true })
    throw error
  }
}

export const noKey = (): Refusal => new Refusal(401, 'Your request does not contain private API key.')

function check({ fields, bytes, size, mime }: Form, account: Account): Asset {
  const { library, switches } = account
  const given = fields.get('fileName')
  if (bytes === undefined) throw new Refusal(400, 'Missing file parameter for upload')
  if (!given) throw new Refusal(400, 'Missing fileName parameter for upload')
  if (size > limitOf(mime, account)) throw tooLarge()
  if (size === 0 && switches.refusesEmptyFiles) throw new Refusal(400, 'Invalid file parameter: the file is empty')
  const tags = fields.get('tags')
  if (tags !== undefined && (tags.length > 500 || tags.includes('%'))) throw new Refusal(400, 'Invalid tags parameter')
  if (fields.get('isPublished') === 'false') throw notOffered('A draft')
  const clean = cleaner(switches.keepsUnicodeNames)
  const folder = cleanFolder(fields.get('folder') ?? '/', clean)
  if (folder === undefined) throw new Refusal(400, 'Invalid folder parameter', 'INVALID_FOLDER_PATH')
  const name = fields.get('useUniqueFileName') === 'false' ? clean(given) : unique(clean(given))
  const before = library.at(pathOf({ folder, name }))
  if (before && fields.get('overwriteFile') === 'false')
    throw new Refusal(400, 'A file with the same name already exists at the exact location')
  if (before?.versions === MAX_VERSIONS && switches.refusesVersion101)
    throw new Refusal(400, 'A file can have at most 100 versions', 'VERSION_LIMIT_EXCEEDED')
  const now = new Date()
  return {
    type: 'file',
    fileId: (switches.keepsFileId ? before?.fileId : undefined) ?? randomBytes(12).toString('hex'),
    name,
    folder,
    size,
    mime,
    isPrivate: fields.get('isPrivateFile') === 'true' && (mime.startsWith('image/') || switches.privateRawFiles),
    tags: tags === undefined ? null : tags.split(','),
    createdAt: before?.createdAt ?? now,
    updatedAt: now,
    bytes,
    versions: Math.min((before?.versions ?? 0) + 1, MAX_VERSIONS),
  }
}

function toUploaded(asset: Asset, { fields }: Form, account: Account, fault: Fault | undefined): object {
  const asked = (fields.get('responseFields') ?? '').split(',').map((field) => field.trim())
  const { fileId, name, size, tags, isPrivate, mime } = asset
  const more = { tags, isPrivateFile: isPrivate, isPublished: true, customCoordinates: null, customMetadata: {} }
  return {
    fileId,
    name,
    size: fault?.type === 'wrong size' ? size - 1 : size,
    versionInfo: { id: fileId, name: `Version ${asset.versions}` },
    filePath: pathOf(asset),
    url: account.urlEndpoint + pathOf(asset),
    fileType: mime.startsWith('image/') ? 'image' : 'non-image',
    AITags: null,
    ...Object.fromEntries(Object.entries(more).filter(([field]) => asked.includes(field))),
  }
}

/** `base_<nine characters>.ext` [C]. */
const unique = (name: string): string =>
  name.replace(/(\.[^.]*)?$/, (extension) => `_${randomBytes(9).toString('base64url').slice(0, 9)}${extension}`)

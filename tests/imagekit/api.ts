import { randomBytes, randomUUID } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { json } from 'node:stream/consumers'
import { fileTypeFromBuffer } from 'file-type'
import type { Context } from 'koa'
import { type Asset, pathOf } from './library.ts'
import type { Account } from './local-server.ts'

/** The folders that are supported: at most 50 levels [S]. ImageKit replaces other characters in names [S]. */
const FOLDER = /^(?:\/[\w-]+){1,50}$/
const FIELDS = ['fileName', 'folder', 'useUniqueFileName', 'overwriteFile', 'isPrivateFile']
const PARAMETERS = ['path', 'searchQuery', 'sort', 'limit']

/** The result of @koa/multer. */
interface Form {
  readonly body: Readonly<Record<string, string>>
  readonly file?: { readonly path: string; readonly size: number }
}

/** POST /api/v1/files/upload. https://imagekit.io/docs/api-reference/upload-file/upload-file */
export async function upload(ctx: Context, account: Account): Promise<void> {
  const { body: fields, file } = ctx.request as unknown as Form
  ctx.assert(file, 400, 'Missing file parameter for upload')
  try {
    const asset = await toAsset(ctx, fields, file, account)
    account.library.add(asset)
    const { fileId, name, size } = asset
    ctx.body = { fileId, name, size, filePath: pathOf(asset), url: `${account.urlEndpoint}${pathOf(asset)}` }
  } catch (error) {
    await rm(file.path)
    throw error
  }
}

async function toAsset(
  ctx: Context,
  fields: Form['body'],
  { path, size }: NonNullable<Form['file']>,
  { library, switches, maxFile, maxVideo }: Account,
): Promise<Asset> {
  const { fileName: name, folder = '', isPrivateFile = 'false' } = fields
  const { mime = 'application/octet-stream' } = (await fileTypeFromBuffer(headOf(path))) ?? {}
  const unknown = Object.keys(fields).find((field) => !FIELDS.includes(field))
  ctx.assert(unknown === undefined, 501, `The text field ${unknown}`)
  ctx.assert(name, 400, 'Missing fileName parameter for upload')
  ctx.assert(size <= (mime.startsWith('video/') ? maxVideo : maxFile), 400, 'The file exceeds the limit of your plan')
  ctx.assert(size > 0 || !switches.refusesEmptyFiles, 400, 'Invalid file parameter: the file is empty')
  // Both are true by default [S].
  ctx.assert(fields['useUniqueFileName'] === 'false', 501, 'An upload without useUniqueFileName=false')
  ctx.assert(fields['overwriteFile'] === 'false', 501, 'An upload without overwriteFile=false')
  ctx.assert(/^(true|false)$/.test(isPrivateFile), 400, 'Invalid isPrivateFile parameter')
  // ImageKit replaces other characters [S].
  ctx.assert(/^[\w.-]+$/.test(name), 501, `The name ${name}`)
  ctx.assert(FOLDER.test(folder), 501, `The folder ${folder}`)
  const exists = library.has(pathOf({ folder, name }))
  ctx.assert(!exists, 400, 'A file with the same name already exists at the exact location')
  const isPrivate = isPrivateFile === 'true' && (mime.startsWith('image/') || switches.privateRawFiles)
  const fileId = randomBytes(12).toString('hex')
  return { fileId, name, folder, size, mime, isPrivate, createdAt: new Date(), bytes: path }
}

/** The bytes that the type of a file is detected from [S]. */
function headOf(path: string): Uint8Array {
  const [file, head] = [openSync(path, 'r'), new Uint8Array(4100)]
  const size = readSync(file, head)
  closeSync(file)
  return head.subarray(0, size)
}

/** GET /v1/files: the files of one folder without its subfolders [S], or of all folders. The oldest is first. */
export function list(ctx: Context, { library, switches }: Account): void {
  const query = ctx.URL.searchParams
  const unknown = [...query.keys()].find((name) => !PARAMETERS.includes(name))
  ctx.assert(unknown === undefined, 501, `The parameter ${unknown}`)
  ctx.assert((query.get('sort') ?? 'ASC_CREATED') === 'ASC_CREATED', 501, 'Another order')
  const limit = Number(query.get('limit') ?? 1000)
  ctx.assert(Number.isInteger(limit) && limit >= 1 && limit <= 1000, 400, 'Invalid limit parameter')
  const folder = query.get('path')
  ctx.assert(folder === null || FOLDER.test(folder), 501, `The path ${folder}`)
  const exists = folder === null || library.hasFolder(folder) || switches.unknownFolderIsEmpty
  ctx.assert(exists, 404, 'The requested folder does not exist.')
  const conditions = conditionsOf(ctx, query.get('searchQuery'))
  ctx.body = library.listed
    .filter((asset) => folder === null || asset.folder === folder)
    .filter((asset) => conditions.every((condition) => condition(asset)))
    .toSorted((a, b) => a.createdAt.getTime() - b.createdAt.getTime())
    .slice(0, limit)
    .map(({ fileId, name, size, createdAt }) => ({ fileId, name, size, createdAt: createdAt.toISOString() }))
}

/**
 * The part of the search syntax that mediaport uses: `type = "file"`, then conditions on `name` and `createdAt`.
 * https://imagekit.io/docs/api-reference/digital-asset-management-dam/list-and-search-assets
 */
function conditionsOf(ctx: Context, search: string | null): ((asset: Asset) => boolean)[] {
  const [type, ...conditions] = search?.split(' AND ') ?? []
  // Without it, a search finds folders too [S].
  ctx.assert(search === null || type === 'type = "file"', 501, `The search ${search}`)
  return conditions.map((condition) => {
    const [, name] = /^name = "([^"]*)"$/.exec(condition) ?? []
    if (name !== undefined) return (asset) => asset.name === name
    const [, moment] = /^createdAt >= "([^"]*)"$/.exec(condition) ?? []
    ctx.assert(moment !== undefined, 501, `The search ${search}`)
    const earliest = Date.parse(moment)
    ctx.assert(!Number.isNaN(earliest), 400, 'Your request contains invalid searchQuery parameter.')
    return (asset) => asset.createdAt.getTime() >= earliest
  })
}

/** DELETE /v1/files/{fileId} */
export async function deleteFile(ctx: Context, { library }: Account): Promise<void> {
  const fileId: string = ctx['params'].fileId
  ctx.assert(/^[0-9a-f]{24}$/.test(fileId), 400, 'Your request contains invalid fileId parameter.')
  const asset = library.all.find((each) => each.fileId === fileId)
  ctx.assert(asset, 404, 'The requested file does not exist.')
  await library.remove(asset)
  ctx.status = 204
}

/** DELETE /v1/folder: deletes a folder with all that it contains [S]. */
export async function deleteFolder(ctx: Context, { library }: Account): Promise<void> {
  const folder = await textField(ctx, 'folderPath')
  ctx.assert(library.hasFolder(folder), 404, 'No folder with this path')
  await library.removeFolder(folder)
  ctx.status = 204
}

/**
 * POST /v1/files/purge. The text before `*` needs two levels or 15 characters, so that a purge cannot match nearly
 * everything [S].
 */
export async function purge(ctx: Context, { library, urlEndpoint }: Account): Promise<void> {
  const url = await textField(ctx, 'url')
  ctx.assert(url.startsWith(`${urlEndpoint}/`), 400, 'Invalid url parameter')
  const [prefix = '', rest] = url.slice(urlEndpoint.length).split('*', 2)
  ctx.assert(rest !== undefined, 501, 'A purge without a wildcard')
  const isSpecific = url.endsWith('*') && (/[^/]\/[^/]/.test(prefix) || prefix.length >= 15)
  ctx.assert(isSpecific, 400, 'Invalid wildcard in url parameter')
  library.purged.push(url)
  await library.purge(prefix)
  ctx.status = 201
  ctx.body = { requestId: randomUUID() }
}

async function textField(ctx: Context, name: string): Promise<string> {
  const body: unknown = await json(ctx.req).catch(() => undefined)
  const value = new Map(Object.entries(Object(body))).get(name)
  ctx.assert(typeof value === 'string', 400, `Missing ${name} parameter`)
  return value
}

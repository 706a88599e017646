import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { json } from 'node:stream/consumers'
import { Refusal } from './answers.ts'
import { type Asset, cleanFolder, pathOf } from './library.ts'
import { type Condition, parseSearch } from './search-query.ts'
import type { Account } from './upload-route.ts'

export interface Answer {
  readonly status: number
  readonly body?: unknown
}

/** https://imagekit.io/docs/api-reference, as far as a storage needs it; everything else is 404. */
export async function mediaApi(req: IncomingMessage, url: URL, account: Account): Promise<Answer> {
  const { library } = account
  const route = `${req.method} ${url.pathname}`
  if (route === 'GET /v1/files') return { status: 200, body: list(url.searchParams, account) }
  const [, fileId, isDetails] = /^\/v1\/files\/([^/]+)(\/details)?$/.exec(url.pathname) ?? []
  if (route === 'POST /v1/files/purge') {
    const { url: purged } = (await json(req)) as { url?: unknown }
    if (typeof purged !== 'string' || !purged.startsWith(account.urlEndpoint())) throw new Refusal(400, 'Invalid url')
    library.purged.push(purged)
    return { status: 201, body: { requestId: randomUUID() } }
  }
  if (route === 'POST /v1/files/batch/deleteByFileIds')
    return deleteMany(((await json(req)) as { fileIds?: unknown }).fileIds, account)
  if (fileId === undefined) throw new Refusal(404, 'Not Found')
  if (!/^[0-9a-f]{24}$/.test(fileId)) throw new Refusal(400, 'Your request contains invalid fileId parameter.')
  const asset = library.byId(fileId)
  if (!asset) throw new Refusal(404, 'The requested file does not exist.')
  if (req.method === 'GET' && isDetails) return { status: 200, body: toFile(asset, account) }
  if (req.method !== 'DELETE' || isDetails) throw new Refusal(404, 'Not Found')
  await library.remove(asset)
  return { status: 204 }
}

/** At most 100, and none where one of them is not known [S]. */
async function deleteMany(ids: unknown, { library }: Account): Promise<Answer> {
  if (!Array.isArray(ids) || ids.length === 0 || ids.length > 100) throw new Refusal(400, 'Invalid fileIds parameter')
  const missing = ids.filter((id) => !library.byId(String(id)))
  if (missing.length > 0)
    throw new Refusal(404, 'The requested file(s) does not exist.', undefined, {}, { missingFileIds: missing })
  for (const id of ids) {
    const asset = library.byId(String(id))
    if (asset) await library.remove(asset)
  }
  return { status: 200, body: { successfullyDeletedFileIds: ids } }
}

const SORTS: Readonly<Record<string, (asset: Asset) => string | number>> = {
  NAME: ({ name }) => name,
  CREATED: ({ createdAt }) => createdAt.getTime(),
  UPDATED: ({ createdAt }) => createdAt.getTime(),
  SIZE: ({ size }) => size,
}

function list(query: URLSearchParams, account: Account): object[] {
  const limit = wholeNumber(query.get('limit'), 1, 1000, 1000)
  const skip = wholeNumber(query.get('skip'), 0, Number.MAX_SAFE_INTEGER, 0)
  const [, direction, by = ''] = /^(ASC|DESC)_([A-Z]+)$/.exec(query.get('sort') ?? 'ASC_CREATED') ?? []
  const sort = SORTS[by]
  if (!sort) throw new Refusal(400, 'Invalid sort parameter')
  const path = query.get('path')
  const folder = path === null ? undefined : cleanFolder(path)
  const isFound = condition(query)
  const found = account.library.listed
    .filter((asset) => folder === undefined || asset.folder === folder)
    .filter(isFound)
    .toSorted((a, b) => (sort(a) < sort(b) ? -1 : sort(a) > sort(b) ? 1 : 0) * (direction === 'DESC' ? -1 : 1))
  return found.slice(skip, skip + limit).map((asset) => toFile(asset, account))
}

/** With a searchQuery, the parameters `name` and `type` are ignored [S]. */
function condition(query: URLSearchParams): Condition {
  const search = query.get('searchQuery')
  const name = query.get('name')
  if (search === null) return (asset) => name === null || asset.name === name
  try {
    return parseSearch(search)
  } catch {
    throw new Refusal(400, 'Invalid search query')
  }
}

function wholeNumber(raw: string | null, min: number, max: number, otherwise: number): number {
  if (raw === null) return otherwise
  const value = Number(raw)
  if (!Number.isInteger(value) || value < min || value > max) throw new Refusal(400, 'Invalid limit or skip parameter')
  return value
}

function toFile(asset: Asset, account: Account): object {
  const url = `${account.urlEndpoint()}${pathOf(asset)}?updatedAt=${asset.createdAt.getTime()}`
  return {
    type: 'file',
    fileId: asset.fileId,
    name: asset.name,
    filePath: pathOf(asset),
    tags: asset.tags,
    AITags: null,
    versionInfo: { id: asset.fileId, name: `Version ${asset.versions}` },
    isPrivateFile: asset.isPrivate,
    isPublished: true,
    url,
    fileType: asset.isImage ? 'image' : 'non-image',
    size: asset.size,
    createdAt: asset.createdAt.toISOString(),
    updatedAt: asset.createdAt.toISOString(),
  }
}

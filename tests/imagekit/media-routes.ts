import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Account } from './account.ts'
import { jsonBody, notOffered, Refusal } from './answers.ts'
import type { Fault } from './faults.ts'
import { cleaner, cleanFolder } from './library.ts'
import { list, toFile } from './list-route.ts'

export interface Answer {
  readonly status: number
  readonly body?: unknown
}

/** https://imagekit.io/docs/api-reference, as far as a storage needs it; everything else says that it is not offered. */
export async function mediaApi(
  req: IncomingMessage,
  url: URL,
  account: Account,
  fault: Fault | undefined,
): Promise<Answer> {
  const route = `${req.method} ${url.pathname}`
  if (route === 'GET /v1/files') return { status: 200, body: list(url.searchParams, account) }
  if (route === 'POST /v1/files/batch/deleteByFileIds') return deleteMany(req, account, fault)
  if (route === 'POST /v1/files/purge') return purge(req, account)
  if (route === 'POST /v1/folder') return makeFolder(req, account)
  if (route === 'DELETE /v1/folder') return deleteFolder(req, account)
  const [, request] = /^GET \/v1\/files\/purge\/([^/]+)$/.exec(route) ?? []
  if (request !== undefined) return purgeStatus(request, account)
  const [, method, fileId = ''] = /^(GET|DELETE) \/v1\/files\/([^/]+?)(?:(?<=^GET .*)\/details)?$/.exec(route) ?? []
  const isOffered = method === 'DELETE' || (method === 'GET' && route.endsWith('/details'))
  if (!isOffered) throw notOffered(route)
  if (!/^[0-9a-f]{24}$/.test(fileId)) throw new Refusal(400, 'Your request contains invalid fileId parameter.')
  const asset = account.library.byId(fileId)
  if (!asset) throw new Refusal(404, 'The requested file does not exist.')
  if (method === 'GET') return { status: 200, body: toFile(asset, account) }
  await account.library.remove(asset)
  return { status: 204 }
}

/** At most 100, and none where one of them is not known [S]. */
async function deleteMany(req: IncomingMessage, { library }: Account, fault: Fault | undefined): Promise<Answer> {
  const { fileIds } = await jsonBody(req)
  if (!Array.isArray(fileIds) || fileIds.length === 0 || fileIds.length > 100)
    throw new Refusal(400, 'Invalid fileIds parameter')
  const ids = [...new Set(fileIds.map(String))]
  const missingFileIds = ids.filter((id) => !library.byId(id))
  if (missingFileIds.length > 0)
    throw new Refusal(404, 'The requested file(s) does not exist.', undefined, {}, { missingFileIds })
  const kept = fault?.type === 'partial success' ? ids.splice(-1) : []
  for (const id of ids) {
    const asset = library.byId(id)
    if (asset) await library.remove(asset)
  }
  if (kept.length === 0) return { status: 200, body: { successfullyDeletedFileIds: ids } }
  const errors = kept.map((fileId) => ({ fileId, error: 'Error deleting file' }))
  return { status: 207, body: { successfullyDeletedFileIds: ids, errors } }
}

/** `*` only at the end, and not for so much that it could be all: two folders, 15 characters, or a file [S]. */
async function purge(req: IncomingMessage, { library, urlEndpoint }: Account): Promise<Answer> {
  const { url } = await jsonBody(req)
  if (typeof url !== 'string' || !url.startsWith(`${urlEndpoint}/`)) throw new Refusal(400, 'Invalid url parameter')
  const path = decodeURIComponent(url.slice(urlEndpoint.length).replace(/\?.*/, ''))
  const [, before = '', after] = /^([^*]*)\*(.*)$/.exec(path) ?? []
  const levels = before.split('/').filter((part) => part !== '').length
  const isWide = levels < 2 && before.length < 15 && !library.serves(before)
  if (after !== undefined && (after !== '' || isWide)) throw new Refusal(400, 'Invalid wildcard in url parameter')
  const requestId = randomUUID()
  library.purges.set(requestId, url)
  await library.purge(path)
  return { status: 201, body: { requestId } }
}

function purgeStatus(requestId: string, { library }: Account): Answer {
  if (!library.purges.has(requestId)) throw new Refusal(400, 'No request with this requestId')
  return { status: 200, body: { status: 'Completed' } }
}

async function makeFolder(req: IncomingMessage, { library, switches }: Account): Promise<Answer> {
  const { folderName, parentFolderPath } = await jsonBody(req)
  if (typeof folderName !== 'string' || folderName === '' || typeof parentFolderPath !== 'string')
    throw new Refusal(400, 'Missing folderName or parentFolderPath parameter')
  const folder = cleanFolder(`${parentFolderPath}/${folderName}`, cleaner(switches.keepsUnicodeNames))
  if (folder === undefined) throw new Refusal(400, 'Invalid folder parameter', 'INVALID_FOLDER_PATH')
  library.addFolder(folder)
  return { status: 201, body: {} }
}

/** With all that is in it [S]. */
async function deleteFolder(req: IncomingMessage, { library, switches }: Account): Promise<Answer> {
  const { folderPath } = await jsonBody(req)
  const folder =
    typeof folderPath === 'string' ? cleanFolder(folderPath, cleaner(switches.keepsUnicodeNames)) : undefined
  if (folder === undefined || folder === '/') throw new Refusal(400, 'Invalid folderPath parameter')
  if (!library.hasFolder(folder)) throw new Refusal(404, 'No folder with this path', 'FOLDER_NOT_FOUND')
  await library.removeFolder(folder)
  return { status: 204 }
}

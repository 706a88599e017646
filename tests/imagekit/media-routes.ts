import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { json } from 'node:stream/consumers'
import { ApiError, unsupported } from './answers.ts'
import type { Account } from './library.ts'
import { list } from './list-route.ts'

type Answer = readonly [status: number, body?: object]

/** The routes that mediaport and `npm run imagekit:verify` use. https://imagekit.io/docs/api-reference */
export async function mediaApi(req: IncomingMessage, url: URL, account: Account): Promise<Answer> {
  const route = `${req.method} ${url.pathname}`
  if (route === 'GET /v1/files') return [200, list(url.searchParams, account)]
  if (route === 'POST /v1/files/purge') return purge(await textField(req, 'url'), account)
  if (route === 'DELETE /v1/folder') return deleteFolder(await textField(req, 'folderPath'), account)
  const [, fileId] = /^DELETE \/v1\/files\/([^/]+)$/.exec(route) ?? []
  if (fileId === undefined) throw unsupported(route)
  if (!/^[0-9a-f]{24}$/.test(fileId)) throw new ApiError(400, 'Your request contains invalid fileId parameter.')
  const asset = account.library.byId(fileId)
  if (!asset) throw new ApiError(404, 'The requested file does not exist.')
  await account.library.remove(asset)
  return [204]
}

/** The text before `*` needs two levels or 15 characters, so that a purge cannot match nearly everything [S]. */
async function purge(url: string, { library, urlEndpoint }: Account): Promise<Answer> {
  if (!url.startsWith(`${urlEndpoint}/`)) throw new ApiError(400, 'Invalid url parameter')
  const [prefix = '', rest] = url.slice(urlEndpoint.length).split('*', 2)
  if (rest === undefined) throw unsupported('A purge without a wildcard')
  if (!url.endsWith('*') || !(/[^/]\/[^/]/.test(prefix) || prefix.length >= 15))
    throw new ApiError(400, 'Invalid wildcard in url parameter')
  library.purged.push(url)
  await library.purge(prefix)
  return [201, { requestId: randomUUID() }]
}

/** Deletes a folder with all that it contains [S]. */
async function deleteFolder(folder: string, { library }: Account): Promise<Answer> {
  if (!library.hasFolder(folder)) throw new ApiError(404, 'No folder with this path')
  await library.removeFolder(folder)
  return [204]
}

async function textField(req: IncomingMessage, name: string): Promise<string> {
  const body: unknown = await json(req).catch(() => undefined)
  const value = typeof body === 'object' && body !== null ? new Map(Object.entries(body)).get(name) : undefined
  if (typeof value !== 'string') throw new ApiError(400, `Missing ${name} parameter`)
  return value
}

import { ApiError, unsupported } from './answers.ts'
import { type Account, type Asset, FOLDER } from './library.ts'

const PARAMETERS = new Set(['path', 'searchQuery', 'sort', 'limit'])
const MAX_LIMIT = 1000

/** GET /v1/files: the files of one folder without its subfolders [S], or of all folders. The oldest is first. */
export function list(query: URLSearchParams, { library, switches }: Account): object[] {
  const unknown = [...query.keys()].find((name) => !PARAMETERS.has(name))
  if (unknown !== undefined) throw unsupported(`The parameter ${unknown}`)
  const sort = query.get('sort') ?? 'ASC_CREATED'
  if (sort !== 'ASC_CREATED') throw unsupported(`The order ${sort}`)
  const limit = Number(query.get('limit') ?? MAX_LIMIT)
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) throw new ApiError(400, 'Invalid limit parameter')
  const folder = query.get('path')
  if (folder !== null && !FOLDER.test(folder)) throw unsupported(`The path ${folder}`)
  if (folder !== null && !library.hasFolder(folder) && !switches.unknownFolderIsEmpty)
    throw new ApiError(404, 'The requested folder does not exist.')
  const search = query.get('searchQuery')
  const conditions = search === null ? [] : parseSearch(search)
  return library.listed
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
function parseSearch(search: string): ((asset: Asset) => boolean)[] {
  const [type, ...conditions] = search.split(' AND ')
  // Without it, a search finds folders too [S].
  if (type !== 'type = "file"') throw unsupported(`The search ${search}`)
  return conditions.map((condition) => {
    const [, name] = /^name = "([^"]*)"$/.exec(condition) ?? []
    if (name !== undefined) return (asset) => asset.name === name
    const [, moment] = /^createdAt >= "([^"]*)"$/.exec(condition) ?? []
    if (moment === undefined) throw unsupported(`The search ${search}`)
    const earliest = Date.parse(moment)
    if (Number.isNaN(earliest)) throw new ApiError(400, 'Your request contains invalid searchQuery parameter.')
    return (asset) => asset.createdAt.getTime() >= earliest
  })
}

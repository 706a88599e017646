import type { Account } from './account.ts'
import { notOffered, Refusal } from './answers.ts'
import { type Asset, cleaner, cleanFolder, type Folder, pathOf } from './library.ts'
import type { Condition, Item } from './search-fields.ts'
import { parseSearch } from './search-query.ts'

const SORTS: Readonly<Record<string, (item: Item) => string | number>> = {
  NAME: ({ name }) => name,
  CREATED: ({ createdAt }) => createdAt.getTime(),
  UPDATED: (item) => (item.type === 'file' ? item.updatedAt : item.createdAt).getTime(),
  SIZE: (item) => (item.type === 'file' ? item.size : 0),
  RELEVANCE: () => 0,
}

/** GET /v1/files: one folder, or all; never what is below it, unless a search asks so [S]. */
export function list(query: URLSearchParams, account: Account): object[] {
  const limit = wholeNumber(query.get('limit'), 1, 1000, 1000)
  const skip = wholeNumber(query.get('skip'), 0, Number.MAX_SAFE_INTEGER, 0)
  const [, direction, by = ''] = /^(ASC|DESC)_([A-Z]+)$/.exec(query.get('sort') ?? 'ASC_CREATED') ?? []
  const sort = SORTS[by]
  if (!sort) throw new Refusal(400, 'Invalid sort parameter')
  const { library, switches } = account
  const path = query.get('path')
  const folder = path === null ? undefined : cleanFolder(path, cleaner(switches.keepsUnicodeNames))
  if (path !== null && folder === undefined) throw new Refusal(400, 'Invalid path parameter', 'INVALID_FOLDER_PATH')
  if (folder !== undefined && !library.hasFolder(folder) && !switches.unknownFolderIsEmpty)
    throw new Refusal(404, 'The requested folder does not exist.', 'FOLDER_NOT_FOUND')
  const isFound = condition(query)
  const items: Item[] = [...library.listed, ...library.folders]
  const found = items
    .filter((item) => folder === undefined || item.folder === folder)
    .filter(isFound)
    .toSorted((a, b) => (sort(a) < sort(b) ? -1 : sort(a) > sort(b) ? 1 : 0) * (direction === 'DESC' ? -1 : 1))
  return found.slice(skip, skip + limit).map((item) => (item.type === 'file' ? toFile(item, account) : toFolder(item)))
}

/** With a searchQuery, the parameters `name`, `tags` and `type` are ignored [S]. */
function condition(query: URLSearchParams): Condition {
  const fileType = oneOf(query, 'fileType', ['all', 'image', 'non-image'])
  const isOfType: Condition = (item) => fileType === 'all' || (item.type === 'file' && fileTypeOf(item) === fileType)
  const search = query.get('searchQuery')
  if (search !== null) {
    const isSearched = parseSearch(search)
    return (item) => isOfType(item) && isSearched(item)
  }
  const type = oneOf(query, 'type', ['file', 'folder', 'all', 'file-version'])
  if (type === 'file-version') throw notOffered('The list of earlier versions')
  const name = query.get('name')
  const tags = query.get('tags')?.split(',')
  return (item) =>
    isOfType(item) &&
    (type === 'all' || item.type === type) &&
    (name === null || item.name === name) &&
    (tags === undefined || (item.type === 'file' && tags.some((tag) => item.tags?.includes(tag))))
}

/** The first one unless told. */
function oneOf(query: URLSearchParams, parameter: string, values: readonly string[]): string | undefined {
  const value = query.get(parameter) ?? values[0]
  if (!values.some((each) => each === value)) throw new Refusal(400, `Invalid ${parameter} parameter`)
  return value
}

function wholeNumber(raw: string | null, min: number, max: number, otherwise: number): number {
  if (raw === null) return otherwise
  const value = Number(raw)
  if (raw === '' || !Number.isInteger(value) || value < min || value > max)
    throw new Refusal(400, 'Invalid limit or skip parameter')
  return value
}

const fileTypeOf = ({ mime }: Asset): string => (mime.startsWith('image/') ? 'image' : 'non-image')

export function toFile(asset: Asset, { urlEndpoint }: Account): object {
  const { type, fileId, name, tags, size, mime, isPrivate, createdAt, updatedAt, versions } = asset
  const url = `${urlEndpoint}${pathOf(asset)}?updatedAt=${updatedAt.getTime()}`
  return {
    type,
    fileId,
    name,
    filePath: pathOf(asset),
    tags,
    AITags: null,
    versionInfo: { id: fileId, name: `Version ${versions}` },
    isPrivateFile: isPrivate,
    isPublished: true,
    customCoordinates: null,
    url,
    thumbnail: `${url}&tr=n-ik_ml_thumbnail`,
    fileType: fileTypeOf(asset),
    mime,
    size,
    customMetadata: {},
    description: null,
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  }
}

function toFolder({ type, folderId, name, folder, createdAt }: Folder): object {
  const at = createdAt.toISOString()
  return {
    type,
    folderId,
    name,
    folderPath: pathOf({ folder, name }),
    customMetadata: {},
    createdAt: at,
    updatedAt: at,
  }
}

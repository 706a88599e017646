import type { Asset } from './library.ts'

/** Whether an asset is found. */
export type Condition = (asset: Asset) => boolean

const TOKEN = /\s*(\(|\)|\[|\]|,|"(?:[^"\\]|\\.)*"|NOT IN|NOT =|>=|<=|[=<>:]|[A-Za-z0-9_.-]+)/y

/**
 * The part of the documented syntax that a storage needs: `name`, `path`, `type`, `id`, `size`, `createdAt`, `private`,
 * with AND, OR and parentheses. Throws on everything else, for the vendor answers 400 to it [S].
 */
export function parseSearch(query: string): Condition {
  const tokens = tokenize(query)
  const take = (expected?: string): string => {
    const token = tokens.shift()
    if (token === undefined || (expected !== undefined && token !== expected)) throw new SyntaxError(query)
    return token
  }
  const either = (): Condition => {
    const conditions = [both()]
    while (tokens[0] === 'OR') {
      take()
      conditions.push(both())
    }
    return (asset) => conditions.some((condition) => condition(asset))
  }
  const both = (): Condition => {
    const conditions = [single()]
    while (tokens[0] === 'AND') {
      take()
      conditions.push(single())
    }
    return (asset) => conditions.every((condition) => condition(asset))
  }
  const single = (): Condition => {
    if (tokens[0] === '(') {
      take()
      const inner = either()
      take(')')
      return inner
    }
    const field = FIELDS[take()]
    if (!field) throw new SyntaxError(query)
    const operator = take()
    const values = operator === 'IN' || operator === 'NOT IN' ? list() : [take()]
    return compare(field, operator, values.map(unquoted), query)
  }
  const list = (): string[] => {
    take('[')
    const values = [take()]
    while (tokens[0] === ',') {
      take()
      values.push(take())
    }
    take(']')
    return values
  }
  const condition = either()
  if (tokens.length > 0) throw new SyntaxError(query)
  return condition
}

type Field = (asset: Asset) => string | number | boolean | Date

const FIELDS: Readonly<Record<string, Field>> = {
  name: ({ name }) => name,
  path: ({ folder }) => folder,
  type: () => 'file',
  id: ({ fileId }) => fileId,
  size: ({ size }) => size,
  createdAt: ({ createdAt }) => createdAt,
  private: ({ isPrivate }) => isPrivate,
}

function compare(field: Field, operator: string, values: readonly string[], query: string): Condition {
  const [value = ''] = values
  return (asset) => {
    const found = field(asset)
    const [a, b] =
      found instanceof Date
        ? [found.getTime(), Date.parse(value)]
        : [found, typeof found === 'number' ? Number(value) : value]
    if (typeof b === 'number' && Number.isNaN(b)) throw new SyntaxError(query)
    switch (operator) {
      case '=':
        return String(a) === String(b)
      case 'NOT =':
        return String(a) !== String(b)
      case 'IN':
        return values.includes(String(found))
      case 'NOT IN':
        return !values.includes(String(found))
      case ':':
        return String(found).startsWith(value)
      case '>=':
        return a >= b
      case '<=':
        return a <= b
      case '>':
        return a > b
      case '<':
        return a < b
      default:
        throw new SyntaxError(query)
    }
  }
}

function tokenize(query: string): string[] {
  const tokens: string[] = []
  TOKEN.lastIndex = 0
  while (TOKEN.lastIndex < query.trimEnd().length) {
    const [, token] = TOKEN.exec(query) ?? []
    if (token === undefined) throw new SyntaxError(query)
    tokens.push(token)
  }
  return tokens
}

const unquoted = (token: string): string => (token.startsWith('"') ? token.slice(1, -1).replace(/\\(.)/g, '$1') : token)

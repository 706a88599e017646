import { notOffered, Refusal } from './answers.ts'
import { type Condition, FIELDS, WITHOUT } from './search-fields.ts'

const TOKEN = /\s*(\(|\)|\[|\]|,|"(?:[^"\\]|\\.)*"|NOT (?:IN|EXISTS|=)|>=|<=|[=<>:]|[A-Za-z0-9_.-]+)/y

const invalid = (): Refusal => new Refusal(400, 'Your request contains invalid searchQuery parameter.')

/**
 * The documented syntax: conditions with AND, OR and parentheses. What a field does not allow is 400 [S].
 * https://imagekit.io/docs/api-reference/digital-asset-management-dam/list-and-search-assets
 */
export function parseSearch(query: string): Condition {
  const tokens = tokenize(query)
  const take = (expected?: string): string => {
    const token = tokens.shift()
    if (token === undefined || (expected !== undefined && token !== expected)) throw invalid()
    return token
  }
  const joined = <T>(word: string, part: () => T): T[] => {
    const parts = [part()]
    while (tokens[0] === word) {
      take()
      parts.push(part())
    }
    return parts
  }
  const either = (): Condition => {
    const conditions = joined('OR', both)
    return (item) => conditions.some((condition) => condition(item))
  }
  const both = (): Condition => {
    const conditions = joined('AND', single)
    return (item) => conditions.every((condition) => condition(item))
  }
  const single = (): Condition => {
    if (tokens[0] === '(') {
      take()
      const inner = either()
      take(')')
      return inner
    }
    const [name, operator] = [take(), take()]
    if (WITHOUT.test(name)) throw notOffered(`The search for ${name}`)
    const field = FIELDS[name]
    if (!field?.operators.includes(operator)) throw invalid()
    if (operator.endsWith('EXISTS')) return field.compare(operator, [])
    return field.compare(operator, (operator.endsWith('IN') ? list() : [take()]).map(valueOf(field.isBare)))
  }
  const list = (): string[] => {
    take('[')
    const values = joined(',', () => take())
    take(']')
    return values
  }
  const condition = either()
  if (tokens.length > 0) throw invalid()
  return condition
}

/** Texts are in quotes, `true`, `false` and numbers are not. */
const valueOf =
  (isBare: boolean) =>
  (token: string): string => {
    if (token.startsWith('"') === isBare && !/^"?\d+\w*"?$/.test(token)) throw invalid()
    return token.startsWith('"') ? token.slice(1, -1).replace(/\\(.)/g, '$1') : token
  }

function tokenize(query: string): string[] {
  const tokens: string[] = []
  TOKEN.lastIndex = 0
  while (TOKEN.lastIndex < query.trimEnd().length) {
    const [, token] = TOKEN.exec(query) ?? []
    if (token === undefined) throw invalid()
    tokens.push(token)
  }
  return tokens
}

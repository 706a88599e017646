import { Refusal } from './answers.ts'
import { type Asset, type Folder, isWithin } from './library.ts'

export type Item = Asset | Folder

/** Whether an item is found. */
export type Condition = (item: Item) => boolean

export interface Field {
  readonly operators: readonly string[]
  /** Whether its values are `true` or `false`, without quotes. */
  readonly isBare: boolean
  /** @throws a refusal where a value is none of its kind. */
  readonly compare: (operator: string, values: readonly string[]) => Condition
}

/** Of what a file holds, which this server does not look for. */
export const WITHOUT = /^(width|height|format|"(custom|embedded)Metadata\..*")$/

const ONE_OF = ['=', 'NOT =', 'IN', 'NOT IN']

/** @param more operators beside these, on one value. */
function text(
  read: (item: Item) => string | undefined,
  more: Readonly<Record<string, (found: string, value: string) => boolean>> = {},
): Field {
  return {
    operators: [...ONE_OF, ...Object.keys(more)],
    isBare: false,
    compare: (operator, values) => {
      const isFound = more[operator] ?? ((found: string, value: string) => withoutSlash(found) === withoutSlash(value))
      return (item) => {
        const found = read(item)
        const some = found !== undefined && values.some((value) => isFound(found, value))
        return operator.startsWith('NOT') ? !some : some
      }
    },
  }
}

function ordered(read: (item: Item) => number, parse: (value: string) => number): Field {
  const isFound: Record<string, (a: number, b: number) => boolean> = {
    '=': (a, b) => a === b,
    '>': (a, b) => a > b,
    '<': (a, b) => a < b,
    '>=': (a, b) => a >= b,
    '<=': (a, b) => a <= b,
  }
  return {
    operators: Object.keys(isFound),
    isBare: false,
    compare: (operator, [raw = '']) => {
      const value = parse(raw)
      if (Number.isNaN(value)) throw new Refusal(400, 'Your request contains invalid searchQuery parameter.')
      return (item) => isFound[operator]?.(read(item), value) ?? false
    },
  }
}

const yesOrNo = (read: (item: Item) => boolean): Field => ({
  operators: ['='],
  isBare: true,
  compare: (_, [raw = '']) => {
    if (raw !== 'true' && raw !== 'false')
      throw new Refusal(400, 'Your request contains invalid searchQuery parameter.')
    return (item) => String(read(item)) === raw
  },
})

const tags: Field = {
  operators: ['IN', 'NOT IN', 'HAS', 'EXISTS', 'NOT EXISTS'],
  isBare: false,
  compare: (operator, values) => (item) => {
    const found = (item.type === 'file' && item.tags) || []
    const isThere = operator.endsWith('EXISTS') ? found.length > 0 : values.some((value) => found.includes(value))
    return operator.startsWith('NOT') ? !isThere : isThere
  },
}

const UNITS: Readonly<Record<string, number>> = { kb: 1e3, mb: 1e6, gb: 1e9 }
const HOURS: Readonly<Record<string, number>> = { h: 1, d: 24, w: 168, m: 720, y: 8760 }

/** Bytes, or `1mb`. */
function size(raw: string): number {
  const [, amount, unit] = /^(\d+)(kb|mb|gb)?$/i.exec(raw) ?? []
  return Number(amount) * (unit === undefined ? 1 : (UNITS[unit.toLowerCase()] ?? Number.NaN))
}

/** ISO 8601, or how long ago, such as `7d`. */
function moment(raw: string): number {
  const [, amount, unit = ''] = /^(\d+)([hdwmy])$/.exec(raw) ?? []
  return amount === undefined ? Date.parse(raw) : Date.now() - Number(amount) * (HOURS[unit] ?? 0) * 3_600_000
}

const withoutSlash = (path: string): string => path.replace(/(?<=.)\/$/, '')

export const FIELDS: Readonly<Record<string, Field>> = {
  name: text(({ name }) => name, {
    ':': (found, value) => found.startsWith(value),
    HAS: (found, value) => found.split(/[^\p{L}\p{N}]+/u).includes(value),
  }),
  path: text(({ folder }) => `${folder}/`.replace('//', '/'), {
    ':': (found, value) => isWithin(withoutSlash(found), withoutSlash(value)),
  }),
  type: text(({ type }) => type),
  id: text((item) => (item.type === 'file' ? item.fileId : item.folderId)),
  createdBy: text(() => undefined),
  tags,
  size: ordered((item) => (item.type === 'file' ? item.size : 0), size),
  createdAt: ordered(({ createdAt }) => createdAt.getTime(), moment),
  updatedAt: ordered((item) => (item.type === 'file' ? item.updatedAt : item.createdAt).getTime(), moment),
  private: yesOrNo((item) => item.type === 'file' && item.isPrivate),
  published: yesOrNo(() => true),
  transparency: yesOrNo(() => false),
}

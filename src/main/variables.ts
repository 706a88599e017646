import { err, ok, type Result } from 'neverthrow'

export type Env = Readonly<Record<string, string | undefined>>

/**
 * Reads variables and records the first fault. An empty variable counts as not set, because compose files pass unset
 * ones as empty.
 */
export class Reader {
  readonly #env: Env
  /** The first fault, as one line for people. */
  fault: string | undefined

  constructor(env: Env) {
    this.#env = env
  }

  text(name: string, defaultValue: string): string {
    return this.#env[name]?.trim() || defaultValue
  }

  parsed<T>(name: string, defaultValue: T, parse: Parse<T>): T {
    return this.optional(name, parse) ?? defaultValue
  }

  optional<T>(name: string, parse: Parse<T>): T | undefined {
    const raw = this.#env[name]?.trim()
    if (!raw) return undefined
    return parse(raw).match(
      (value) => value,
      (expected) => {
        this.fail(name, `must be ${expected}`)
        return undefined
      },
    )
  }

  /** @param reason Continues the sentence that starts with the name, without the period. */
  fail(name: string, reason: string): void {
    this.fault ??= `${name} ${reason}.`
  }
}

/** The error says which values are valid. It does not repeat the value, which may be a secret. */
export type Parse<T> = (raw: string) => Result<T, string>

export const wholeNumber =
  (min: number, max: number): Parse<number> =>
  (raw) =>
    /^\d{1,9}$/.test(raw) && Number(raw) >= min && Number(raw) <= max
      ? ok(Number(raw))
      : err(`a whole number from ${min} to ${max}`)

export const oneOf =
  <const T extends string>(words: readonly T[]): Parse<T> =>
  (raw) => {
    const word = words.find((candidate) => candidate === raw)
    return word === undefined ? err(`one of ${words.join(', ')}`) : ok(word)
  }

export const parseUrl =
  (protocols: readonly string[]): Parse<string> =>
  (raw) => {
    const url = URL.parse(raw)
    const hasCredentials = url !== null && url.protocol.startsWith('http') && `${url.username}${url.password}` !== ''
    if (url !== null && protocols.includes(url.protocol) && !hasCredentials) return ok(raw)
    const beginnings = protocols.map((protocol) => `${protocol}//`).join(' or ')
    return err(`a URL that begins with ${beginnings}${hasCredentials ? ', without user name and password' : ''}`)
  }

/**
 * A connection string with several hosts and ports is not a valid URL
 * (https://www.mongodb.com/docs/manual/reference/connection-string/).
 */
export const parseMongoAddress: Parse<string> = (raw) =>
  /^mongodb(\+srv)?:\/\/[^\s/]+/.test(raw)
    ? ok(raw)
    : err('a connection string that begins with mongodb:// or mongodb+srv://')

const UNITS: Record<string, number> = { B: 1, KB: 1e3, MB: 1e6, GB: 1e9, KIB: 1024, MIB: 1024 ** 2, GIB: 1024 ** 3 }

export const parseSize: Parse<number> = (raw) => {
  const [, amount, unit = 'B'] = /^(\d{1,12})\s*([KMG]?i?B)?$/i.exec(raw) ?? []
  const bytes = Number(amount) * (UNITS[unit.toUpperCase()] ?? Number.NaN)
  return Number.isSafeInteger(bytes) && bytes > 0 ? ok(bytes) : err('a size such as 100MiB, 25MB or 4096')
}

export const words = (raw: string): string[] => raw.split(/[\s,+]+/).filter((word) => word !== '')

import { err, ok, type Result } from 'neverthrow'

export type Env = Readonly<Record<string, string | undefined>>

/** Reads variables and keeps the first fault. An empty variable counts as not set, as compose files leave them. */
export class Reader {
  readonly #env: Env
  fault: string | undefined

  constructor(env: Env) {
    this.#env = env
  }

  text(name: string, otherwise: string): string {
    return this.#env[name]?.trim() || otherwise
  }

  parsed<T>(name: string, otherwise: T, parse: Parse<T>): T {
    return this.optional(name, parse) ?? otherwise
  }

  optional<T>(name: string, parse: Parse<T>): T | undefined {
    const raw = this.#env[name]?.trim()
    if (!raw) return undefined
    return parse(raw).match(
      (value) => value,
      (expected) => {
        this.fail(name, `takes ${expected}`)
        return undefined
      },
    )
  }

  fail(name: string, why: string): void {
    this.fault ??= `${name} ${why}.`
  }
}

/** The error says what is expected; the value itself is not repeated, because it may be a secret. */
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
    const word = words.find((each) => each === raw)
    return word === undefined ? err(`one of ${words.join(', ')}`) : ok(word)
  }

export const parseUrl =
  (protocols: readonly string[]): Parse<string> =>
  (raw) =>
    protocols.includes(URL.parse(raw)?.protocol ?? '') ? ok(raw) : err(`a URL that begins with ${protocols[0]}//`)

/** One that may name several hosts with their ports is no URL (https://www.mongodb.com/docs/manual/reference/connection-string/). */
export const parseMongoAddress: Parse<string> = (raw) =>
  /^mongodb(\+srv)?:\/\/[^\s/]+/.test(raw) ? ok(raw) : err('an address that begins with mongodb://')

const UNITS: Record<string, number> = { B: 1, KB: 1e3, MB: 1e6, GB: 1e9, KIB: 1024, MIB: 1024 ** 2, GIB: 1024 ** 3 }

export const parseSize: Parse<number> = (raw) => {
  const [, amount, unit = 'B'] = /^(\d{1,12})\s*([KMG]?i?B)?$/i.exec(raw) ?? []
  const bytes = Number(amount) * (UNITS[unit.toUpperCase()] ?? Number.NaN)
  return Number.isSafeInteger(bytes) && bytes > 0 ? ok(bytes) : err('a size such as 100MiB, 25MB or 4096')
}

export const words = (raw: string): string[] => raw.split(/[\s,+]+/).filter((word) => word !== '')

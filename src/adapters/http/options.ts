import type { Access } from './access.ts'
import type { Authenticate } from './auth/caller.ts'
import type { Tokens } from './auth/tokens.ts'
import type { Pace } from './upload/pace.ts'

/** Settings of the HTTP API. */
export interface HttpOptions {
  readonly access: Access
  readonly authenticate: Authenticate
  /** Signs tokens and links. */
  readonly tokens: Tokens
  readonly pace: Pace
  /** Whether metadata contains the place where a picture was taken. `false` by default. */
  readonly showsLocation?: boolean | undefined
  /** While it returns `true`, every request is refused with `shutting-down`. */
  readonly isDraining: () => boolean
  /** Whether the server has closed the connections of requests in progress. */
  readonly isCutOff: () => boolean
  readonly log: Log
}

/** A structured log, such as pino's. */
export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

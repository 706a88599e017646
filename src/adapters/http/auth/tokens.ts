import type { JWTPayload } from 'jose'
import { err, errAsync, ok, okAsync, type Result, ResultAsync } from 'neverthrow'
import type { ContentType } from '../../../domain/values/content-type.ts'
import type { VerifyBearer } from './bearer.ts'
import type { Authenticate, Caller, Disposition, Scope, TokenExpired, Unauthenticated } from './caller.ts'
import { isJwt } from './jwt.ts'

const TOKEN = 'mediaport-token+jwt'
const LINK = 'mediaport-link+jwt'
/** What a token of this server is for (RFC 8725 section 3.11). A token for links is not accepted in a header. */
type Kind = typeof TOKEN | typeof LINK
const ISSUER = 'mediaport'

/** The claims of a token, besides those of RFC 7519. */
interface Claims extends JWTPayload {
  readonly scopes?: readonly Scope[]
  readonly max_file_size?: number | undefined
  readonly types?: readonly ContentType[] | undefined
  readonly media?: string | undefined
  readonly disposition?: Disposition | undefined
}

/** A caller whose rights end. */
export interface TokenHolder extends Caller {
  readonly limits: Caller['limits'] & { readonly expiresAt: Date }
}

/**
 * Signs and checks the tokens of this server: JSON Web Tokens with HS256.
 *
 * @param key The secret of the installation, in hexadecimal. Tokens of another installation are not accepted.
 */
export class Tokens {
  readonly #key: Promise<Buffer>

  constructor(key: string | Promise<string>) {
    this.#key = Promise.resolve(key).then((hex) => Buffer.from(hex, 'hex'))
    this.#key.catch(() => undefined)
  }

  /** Signs a token for the `Authorization` header. */
  sign(holder: TokenHolder): Promise<string> {
    return this.#sign(holder, TOKEN)
  }

  /** Signs a token for the address of one media item's content. */
  signLink(holder: TokenHolder): Promise<string> {
    return this.#sign(holder, LINK)
  }

  readonly verify: VerifyBearer = (token) =>
    kindOf(token) === TOKEN ? new ResultAsync(this.#verify(token, TOKEN)) : undefined

  /** Authenticates a GET or HEAD of content by the `token` of its query. */
  readonly authenticateLink: Authenticate = ({ method, url = '' }) => {
    const [path = ''] = url.split('?', 1)
    const id = CONTENT.exec(path)?.[1]
    const tokens = new URLSearchParams(url.slice(path.length)).getAll('token')
    const [token = ''] = tokens
    if (id === undefined || tokens.length === 0 || (method !== 'GET' && method !== 'HEAD')) return okAsync(undefined)
    if (tokens.length > 1 || kindOf(token) !== LINK) return errAsync(UNAUTHENTICATED)
    return new ResultAsync(this.#verify(token, LINK)).andThen((caller) =>
      caller.limits?.media === id ? ok({ ...caller, isLink: true }) : err(UNAUTHENTICATED),
    )
  }

  async #sign({ owner, scopes, limits }: TokenHolder, typ: Kind): Promise<string> {
    const { SignJWT } = await import('jose')
    const { maxFileSize, allowedTypes, media, disposition, expiresAt } = limits
    const claims: Claims = { scopes, max_file_size: maxFileSize, types: allowedTypes, media, disposition }
    return new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256', typ })
      .setIssuer(ISSUER)
      .setSubject(owner)
      .setExpirationTime(expiresAt)
      .sign(await this.#key)
  }

  async #verify(token: string, typ: Kind): Promise<Result<Caller, Unauthenticated | TokenExpired>> {
    const { errors, jwtVerify } = await import('jose')
    const rules = { typ, issuer: ISSUER, algorithms: ['HS256'], requiredClaims: ['exp', 'sub', 'scopes'] }
    try {
      const { payload } = await jwtVerify<Claims>(token, await this.#key, rules)
      const { sub = '', exp = 0, scopes = [], max_file_size: maxFileSize, types, media, disposition } = payload
      const expiresAt = new Date(exp * 1000)
      return ok({ owner: sub, scopes, limits: { maxFileSize, allowedTypes: types, media, disposition, expiresAt } })
    } catch (error) {
      return err(error instanceof errors.JWTExpired ? { type: 'token-expired' } : UNAUTHENTICATED)
    }
  }
}

const UNAUTHENTICATED: Unauthenticated = { type: 'unauthenticated' }
const CONTENT = /^\/media\/([^/]+)\/content\/?$/

/** The type in the header of a token, which is not checked yet. */
function kindOf(token: string): unknown {
  if (!isJwt(token)) return undefined
  try {
    const header: unknown = JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString())
    return typeof header === 'object' && header !== null && 'typ' in header ? header.typ : undefined
  } catch {
    return undefined
  }
}

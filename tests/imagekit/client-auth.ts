import { createHmac } from 'node:crypto'
import type { Account } from './account.ts'
import { notOffered, Refusal } from './answers.ts'

const HOUR = 3600

/** Whether a form brings credentials of its own, as browsers do that upload to ImageKit themselves. */
export const isSignedForm = (fields: ReadonlyMap<string, string>): boolean =>
  ['signature', 'expire', 'token'].some((name) => fields.has(name))

/**
 * The first kind of them: `signature` is the HMAC-SHA1 of `token` and `expire`, in lower case. A token is used up even by a
 * request that is refused [S].
 */
export function authenticateForm(fields: ReadonlyMap<string, string>, account: Account): void {
  const [publicKey, signature, expire, token] = ['publicKey', 'signature', 'expire', 'token'].map((name) =>
    fields.get(name),
  )
  if (token?.split('.').length === 3 && signature === undefined) throw notOffered('The signature by a JSON Web Token')
  if (publicKey === undefined || signature === undefined || expire === undefined || token === undefined)
    throw new Refusal(400, 'Missing publicKey, signature, expire or token for an upload without private API key')
  if (publicKey !== account.publicKey) throw new Refusal(403, 'Your account cannot be authenticated.')
  const seconds = Number(expire) - account.now() / 1000
  if (!(seconds > 0 && seconds <= HOUR))
    throw new Refusal(400, 'Invalid expire parameter: it is in the past, or more than an hour ahead')
  if (account.usedTokens.has(token)) throw new Refusal(400, 'A request with the same token was made before')
  account.usedTokens.add(token)
  const expected = createHmac('sha1', account.privateKey)
    .update(token + expire)
    .digest('hex')
  if (signature !== expected) throw new Refusal(400, 'Your request contains invalid signature')
}

import { createSecretKey } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose'
import { afterAll, afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { authenticateBearer } from '../../src/adapters/http/auth/bearer.ts'
import { type JwtOptions, verifyJwt } from '../../src/adapters/http/auth/jwt.ts'
import { PNG } from '../samples.ts'
import { startServer, type TestServer } from './harness.ts'

const [issuer, audience] = ['https://login.example', 'mediaport']
const secret = 'a secret of thirty-two bytes, at least'
const [signer, other] = [await generateKeyPair('RS256'), await generateKeyPair('RS256')]
const seconds = () => Math.floor(Date.now() / 1000)

/** Serves the public keys of an identity provider. */
class Provider {
  readonly #server = createServer((_, res) => {
    this.requests++
    if (this.isDown) res.destroy()
    else res.setHeader('Content-Type', 'application/json').end(JSON.stringify({ keys: this.keys }))
  })
  keys: object[] = []
  requests = 0
  isDown = false

  async start(): Promise<string> {
    await once(this.#server.listen(0, '127.0.0.1'), 'listening')
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/jwks`
  }
  close = () => void this.#server.close()
}

const claims: JWTPayload = {
  sub: 'anna',
  iss: issuer,
  aud: audience,
  scope: 'openid read upload',
  exp: seconds() + 3600,
}
const signed = (changes: Record<string, unknown> = {}, key = signer.privateKey, header: object = {}) =>
  new SignJWT({ ...claims, ...changes })
    .setProtectedHeader({ alg: 'RS256', kid: 'one', ...header })
    .sign(key, { crit: { x: true } })

async function serverFor(keys: JwtOptions['keys'], defaultScopes: ['read'] | [] = [], onEnd = onTestFinished) {
  const verify = verifyJwt({ keys, issuer, audience, defaultScopes })
  return startServer({ anonymousScopes: [], authenticate: authenticateBearer([verify]) }, onEnd)
}

const list = (server: TestServer, token: string) =>
  fetch(`${server.url}/media/`, { headers: { Authorization: `Bearer ${token}` } })

async function resultOf(answer: Response) {
  const { type } = (await answer.json()) as { type?: string }
  return [answer.status, type?.replace('/problems/', '')]
}

describe('A server with the keys of an identity provider', async () => {
  const provider = new Provider()
  provider.keys = [{ ...(await exportJWK(signer.publicKey)), kid: 'one', alg: 'RS256' }]
  const server = await serverFor({ jwksUrl: await provider.start() }, [], afterAll)
  afterAll(async () => {
    provider.close()
  })

  it('lets a signed-in user upload, and read only what is theirs', async () => {
    const form = new FormData()
    form.append('file', new File([new Uint8Array(PNG)], 'a.png'))
    const headers = { Authorization: `Bearer ${await signed()}` }
    const uploaded = await fetch(`${server.url}/upload/`, { method: 'POST', body: form, headers })
    expect(uploaded.status).toBe(201)
    const { id } = (await uploaded.json()) as { id: string }
    const [annas, bens] = [await signed(), await signed({ sub: 'ben' })].map((token) =>
      fetch(`${server.url}/media/${id}/`, { headers: { Authorization: `Bearer ${token}` } }),
    )
    expect([(await annas)?.status, (await bens)?.status]).toEqual([200, 404])
  })

  it.each<[string, () => string | Promise<string>, (string | number)[]]>([
    ['without a signature', () => new UnsecuredJWT(claims).encode(), [401, 'unauthenticated']],
    ['signed by another key', () => signed({}, other.privateKey), [401, 'unauthenticated']],
    ['of an unknown key', () => signed({}, other.privateKey, { kid: 'two' }), [401, 'unauthenticated']],
    [
      'signed with the public key as a secret',
      async () => {
        const publicKey = createSecretKey(Buffer.from(JSON.stringify(provider.keys[0])))
        return new SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid: 'one' }).sign(publicKey)
      },
      [401, 'unauthenticated'],
    ],
    ['of another issuer', () => signed({ iss: 'https://login.example/' }), [401, 'unauthenticated']],
    ['without an issuer', () => signed({ iss: undefined }), [401, 'unauthenticated']],
    ['for another audience', () => signed({ aud: 'others' }), [401, 'unauthenticated']],
    ['for several audiences with this one', () => signed({ aud: ['others', audience] }), [200, undefined as never]],
    ['that has expired', () => signed({ exp: seconds() - 10 }), [401, 'token-expired']],
    ['that never expires', () => signed({ exp: undefined }), [401, 'unauthenticated']],
    ['that is not valid yet', () => signed({ nbf: seconds() + 60 }), [401, 'unauthenticated']],
    ['without a subject', () => signed({ sub: undefined }), [401, 'unauthenticated']],
    ['with an empty subject', () => signed({ sub: '' }), [401, 'unauthenticated']],
    ['of a subject with a NUL', () => signed({ sub: 'a\0b' }), [401, 'unauthenticated']],
    ['of a subject that means nobody', () => signed({ sub: 'anonymous' }), [401, 'unauthenticated']],
    ['of 10 kB', () => signed({ more: 'x'.repeat(10_000) }), [401, 'unauthenticated']],
    ['without scopes of this server', () => signed({ scope: 'openid' }), [403, 'forbidden']],
    ['without the scope of the route', () => signed({ scope: 'upload' }), [403, 'forbidden']],
    [
      'with a critical header that is not known',
      () => signed({}, signer.privateKey, { crit: ['x'], x: 1 }),
      [401, 'unauthenticated'],
    ],
    ['of two parts', async () => (await signed()).split('.').slice(0, 2).join('.'), [401, 'unauthenticated']],
    ['that is no token', () => 'x.y.z', [401, 'unauthenticated']],
  ])('answers a token %s as documented', async (_, token, expected) => {
    expect(await resultOf(await list(server, await token()))).toEqual(expected)
  })

  it('refuses each change of one character', async () => {
    const token = await signed()
    const accepted: number[] = []
    await Promise.all(
      Array.from(token, async (character, index) => {
        const changed = token.slice(0, index) + (character === 'A' ? 'B' : 'A') + token.slice(index + 1)
        if ((await list(server, changed)).status !== 401) accepted.push(index)
      }),
    )
    expect((await list(server, token)).status).toBe(200)
    expect(accepted).toEqual([])
  })

  it('refuses other spellings of the same bytes', async () => {
    const token = await signed()
    const last = token.at(-1) ?? ''
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const spellings = Array.from(alphabet, (each) => token.slice(0, -1) + each).filter((each) => !each.endsWith(last))
    const same = spellings.filter((each) => bytesOf(each).equals(bytesOf(token)))
    expect(same.length).toBeGreaterThan(0)
    for (const each of same) expect((await list(server, each)).status).toBe(401)
  })

  it('creates no token and no link that outlives the token of their maker', async () => {
    const exp = seconds() + 60
    const headers = {
      Authorization: `Bearer ${await signed({ scope: 'upload read delegate', exp })}`,
      'Content-Type': 'application/json',
    }
    const form = new FormData()
    form.append('file', new File([new Uint8Array(PNG)], 'a.png'))
    const { Authorization } = headers
    const uploaded = await fetch(`${server.url}/upload/`, { method: 'POST', body: form, headers: { Authorization } })
    const { id } = (await uploaded.json()) as { id: string }
    const expires_in = 604_800
    for (const [path, body] of [
      ['/tokens/', { scopes: ['read'], expires_in }],
      [`/media/${id}/links/`, { expires_in }],
    ] as const) {
      const made = await fetch(server.url + path, { method: 'POST', body: JSON.stringify(body), headers })
      expect(await made.json()).toMatchObject({ expires_at: new Date(exp * 1000).toISOString() })
    }
  })

  it('accepts a new key of the provider half a minute after it fetched the keys', async () => {
    expect((await list(server, await signed())).status).toBe(200)
    provider.keys.push({ ...(await exportJWK(other.publicKey)), kid: 'new', alg: 'RS256' })
    const token = await signed({}, other.privateKey, { kid: 'new' })
    laterBy(31)
    expect((await list(server, token)).status).toBe(200)
  })

  it('fetches the keys at most once in half a minute, whatever keys tokens name', async () => {
    laterBy(62)
    await list(server, await signed({}, signer.privateKey, { kid: 'x' }))
    const before = provider.requests
    for (const kid of ['a', 'b', 'c']) await list(server, await signed({}, signer.privateKey, { kid }))
    expect(provider.requests).toBe(before)
  })

  it('goes on with keys of any age while the provider is down, and accepts no unknown ones', async () => {
    provider.isDown = true
    laterBy(3000)
    expect((await list(server, await signed())).status).toBe(200)
    const unknown = await signed({}, other.privateKey, { kid: 'two' })
    expect(await resultOf(await list(server, unknown))).toEqual([503, 'unavailable'])
    const before = provider.requests
    expect((await list(server, await signed())).status).toBe(200)
    expect(provider.requests).toBe(before)
    provider.isDown = false
  })
})

/** Moves the clock, which jose compares with the age of its keys. */
const laterBy = (delaySeconds: number) => vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + delaySeconds * 1000 })
afterEach(() => void vi.useRealTimers())

const bytesOf = (token: string): Buffer => Buffer.from(token.split('.')[2] ?? '', 'base64url')

it('A server whose identity provider has never answered answers with 503 unavailable', async () => {
  const provider = new Provider()
  provider.isDown = true
  const server = await serverFor({ jwksUrl: await provider.start() })
  const answer = await list(server, await signed())
  expect(await answer.json()).toMatchObject({ status: 503, dependency: 'identity-provider' })
  provider.isDown = false
  provider.keys = [{ ...(await exportJWK(signer.publicKey)), kid: 'one' }]
  expect((await list(server, await signed())).status).toBe(200)
  provider.close()
})

describe('A server with the secret of an identity provider', () => {
  const withSecret = (text: string) =>
    new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(createSecretKey(Buffer.from(text)))

  it('accepts its tokens, and no others', async () => {
    const server = await serverFor({ secret })
    expect((await list(server, await withSecret(secret))).status).toBe(200)
    expect((await list(server, await withSecret(`${secret}!`))).status).toBe(401)
    expect((await list(server, await signed())).status).toBe(401)
  })

  it('gives JWT_SCOPES to a token without scopes of this server', async () => {
    const server = await serverFor({ secret }, ['read'])
    const token = new SignJWT({ ...claims, scope: 'openid' }).setProtectedHeader({ alg: 'HS256' })
    expect((await list(server, await token.sign(createSecretKey(Buffer.from(secret))))).status).toBe(200)
  })
})

import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair } from 'jose'
import Provider from 'oidc-provider'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { authenticateBearer } from '../../src/adapters/http/auth/bearer.ts'
import { verifyJwt } from '../../src/adapters/http/auth/jwt.ts'
import { PNG } from '../samples.ts'
import { startServer } from './harness.ts'

const audience = 'https://media.example'
const client = { client_id: 'app', redirect_uri: 'https://app.example/callback' }

/** An identity provider made of oidc-provider, with a new signing key. Users need no password. */
async function createProvider(issuer: string): Promise<Provider> {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true })
  const provider = new Provider(issuer, {
    jwks: { keys: [await exportJWK(privateKey)] },
    clients: [
      { client_id: client.client_id, redirect_uris: [client.redirect_uri], token_endpoint_auth_method: 'none' },
    ],
    cookies: { keys: [randomBytes(32).toString('hex')] },
    ttl: { Interaction: 600, Grant: 3600, Session: 3600, AccessToken: 3600, IdToken: 3600 },
    findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    features: {
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, resource) => ({
          audience: resource,
          scope: 'read upload',
          accessTokenFormat: 'jwt',
        }),
      },
    },
  })
  provider.use(async (ctx, next) => {
    if (!ctx.path.startsWith('/interaction/')) return next()
    const { params } = await provider.interactionDetails(ctx.req, ctx.res)
    const { login_hint: accountId, scope, resource } = params as Record<'login_hint' | 'scope' | 'resource', string>
    const grant = new provider.Grant({ accountId, clientId: client.client_id })
    grant.addOIDCScope('openid')
    if (resource) grant.addResourceScope(resource, scope)
    const result = { login: { accountId }, consent: { grantId: await grant.save() } }
    ctx.redirect(await provider.interactionResult(ctx.req, ctx.res, result))
  })
  return provider
}

/** Signs in with the authorization code flow and PKCE (RFC 7636), as an app in a browser does. */
async function signIn(issuer: string, user: string, { scope = 'openid read upload', resource = audience } = {}) {
  const verifier = randomBytes(32).toString('base64url')
  const challenge = createHash('sha256').update(verifier).digest('base64url')
  const target = resource === '' ? undefined : { resource }
  const question = { response_type: 'code', scope, login_hint: user, ...target }
  const pkce = { code_challenge: challenge, code_challenge_method: 'S256' }
  const query = new URLSearchParams({ ...client, ...question, ...pkce }).toString()
  const cookies = new Map<string, string>()
  let url = `${issuer}/auth?${query}`
  while (!url.startsWith(client.redirect_uri)) {
    const answer = await fetch(url, { redirect: 'manual', headers: { Cookie: [...cookies.values()].join('; ') } })
    for (const [pair = ''] of answer.headers.getSetCookie().map((line) => line.split(';')))
      cookies.set(pair.split('=')[0] ?? '', pair)
    const location = answer.headers.get('Location')
    if (location === null) throw new Error(`${url} answers ${answer.status}: ${await answer.text()}`)
    url = new URL(location, url).href
  }
  const code = new URL(url).searchParams.get('code') ?? ''
  const body = { ...client, ...target, grant_type: 'authorization_code', code, code_verifier: verifier }
  const answer = await fetch(`${issuer}/token`, { method: 'POST', body: new URLSearchParams(body) })
  expect(answer.status).toBe(200)
  return (await answer.json()) as { access_token: string; id_token: string }
}

describe('A server with the keys of oidc-provider', async () => {
  const logins = createServer()
  await once(logins.listen(0, '127.0.0.1'), 'listening')
  afterAll(() => void logins.close())
  const issuer = `http://127.0.0.1:${(logins.address() as AddressInfo).port}`
  const serveNewKey = async () => {
    const answer = (await createProvider(issuer)).callback()
    logins.removeAllListeners('request').on('request', (req, res) => void answer(req, res))
  }
  await serveNewKey()

  const verify = verifyJwt({ keys: { jwksUrl: `${issuer}/jwks` }, issuer, audience, defaultScopes: [] })
  const server = await startServer({ anonymousScopes: [], authenticate: authenticateBearer([verify]) }, afterAll)

  const get = async (path: string, token: string) =>
    (await fetch(server.url + path, { headers: { Authorization: `Bearer ${token}` } })).status
  const upload = (token: string) => {
    const body = new FormData()
    body.append('file', new File([new Uint8Array(PNG)], 'a.png'))
    return fetch(`${server.url}/upload/`, { method: 'POST', body, headers: { Authorization: `Bearer ${token}` } })
  }

  it('lets a signed-in user upload, and read only what is theirs', async () => {
    const [annas, bens] = [await signIn(issuer, 'anna'), await signIn(issuer, 'ben')]
    const uploaded = await upload(annas.access_token)
    expect(uploaded.status).toBe(201)
    const { id } = (await uploaded.json()) as { id: string }
    expect(await get(`/media/${id}/`, annas.access_token)).toBe(200)
    expect(await get(`/media/${id}/`, bens.access_token)).toBe(404)
    expect(await server.stored()).toMatchObject([{ id, owner: 'anna' }])
  })

  it('lets a user do only what the app asked the provider for', async () => {
    const { access_token: token } = await signIn(issuer, 'anna', { scope: 'openid read' })
    expect([await get('/media/', token), (await upload(token)).status]).toEqual([200, 403])
  })

  it.each<[string, () => Promise<string>]>([
    [
      'an access token for another API',
      async () => (await signIn(issuer, 'anna', { resource: 'https://mail.example' })).access_token,
    ],
    ['an ID token', async () => (await signIn(issuer, 'anna')).id_token],
    [
      'an access token for the provider itself',
      async () => (await signIn(issuer, 'anna', { scope: 'openid', resource: '' })).access_token,
    ],
  ])('refuses %s', async (_, token) => {
    expect(await get('/media/', await token())).toBe(401)
  })

  it('accepts a new key half a minute after it fetched the keys, and then no longer the old one', async () => {
    const { access_token: old } = await signIn(issuer, 'anna')
    expect(await get('/media/', old)).toBe(200)
    await serveNewKey()
    const { access_token: token } = await signIn(issuer, 'anna')
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 31_000 })
    expect(await get('/media/', token)).toBe(200)
    expect(await get('/media/', old)).toBe(401)
  })

  afterEach(() => void vi.useRealTimers())
})

import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { createApiKey, parseApiKey, verifyApiKey } from '../../src/adapters/http/auth/api-keys.ts'
import { authenticateBearer } from '../../src/adapters/http/auth/bearer.ts'
import { SCOPES } from '../../src/adapters/http/auth/caller.ts'
import { Tokens } from '../../src/adapters/http/auth/tokens.ts'
import { GIF, PNG, pngOf } from '../samples.ts'
import { type Accepted, startServer } from './harness.ts'
import { get } from './multipart.ts'

const anna = createApiKey(
  'anna',
  SCOPES.filter((scope) => scope !== 'admin'),
)._unsafeUnwrap()
const admin = createApiKey('admin', SCOPES)._unsafeUnwrap()
const tokens = new Tokens('0f'.repeat(32))
const keys = [anna, admin].flatMap(({ entry }) => parseApiKey(entry) ?? [])
const server = await startServer(
  {
    anonymousScopes: [],
    tokens,
    authenticate: authenticateBearer([verifyApiKey(keys), tokens.verify]),
  },
  afterAll,
)

const send = (path: string, credentials?: string, init: RequestInit = {}) =>
  fetch(path.startsWith('http') ? path : server.url + path, {
    ...init,
    headers: { ...init.headers, ...(credentials !== undefined && { Authorization: `Bearer ${credentials}` }) },
  })
const postJson = (path: string, credentials: string, body: object) =>
  send(path, credentials, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'Content-Type': 'application/json' },
  })
const upload = (credentials: string, bytes: Uint8Array = PNG, name = 'a.png') => {
  const form = new FormData()
  form.append('file', new File([new Uint8Array(bytes)], name))
  return send('/upload/', credentials, { method: 'POST', body: form })
}
const stored = async (credentials: string): Promise<Accepted> => (await upload(credentials)).json() as Promise<Accepted>

async function tokenFor(body: object, credentials = anna.key): Promise<string> {
  const answer = await postJson('/tokens/', credentials, body)
  expect(answer.status).toBe(201)
  return ((await answer.json()) as { token: string }).token
}
async function linkFor(id: string, body: object = {}): Promise<string> {
  const answer = await postJson(`/media/${id}/links/`, anna.key, body)
  expect(answer.status).toBe(201)
  return ((await answer.json()) as { url: string }).url
}
async function resultOf(answer: Response) {
  const { type } = (await answer.json()) as { type?: string }
  return [answer.status, type?.replace('/problems/', '')]
}

const laterBy = (seconds: number) => vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + seconds * 1000 })
afterEach(() => void vi.useRealTimers())

/** All tokens that differ from one in a single character. */
const changed = (token: string): string[] =>
  Array.from(
    token,
    (character, index) => token.slice(0, index) + (character === 'A' ? 'B' : 'A') + token.slice(index + 1),
  )

describe('A token', () => {
  it('has the owner of its maker, and only its own scopes', async () => {
    const token = await tokenFor({ scopes: ['upload'] })
    const { id } = await stored(token)
    expect((await send(`/media/${id}/`, anna.key)).status).toBe(200)
    expect(await resultOf(await send(`/media/${id}/`, token))).toEqual([403, 'forbidden'])
  })

  it('limits the size and the types of files, which GET /upload/policy/ shows', async () => {
    const token = await tokenFor({ scopes: ['upload'], max_file_size: 1000, types: ['image/png'] })
    expect(await (await send('/upload/policy/', token)).json()).toEqual({ max_file_size: 1000, types: ['image/png'] })
    expect((await upload(token)).status).toBe(201)
    expect(await resultOf(await upload(token, pngOf(1001)))).toEqual([413, 'too-large'])
    expect(await resultOf(await upload(token, GIF, 'a.gif'))).toEqual([415, 'unsupported-file-type'])
    expect((await upload(anna.key, GIF, 'a.gif')).status).toBe(201)
  })

  it('is valid for one media item only, if it names one', async () => {
    const [one, other] = [await stored(anna.key), await stored(anna.key)]
    const token = await tokenFor({ scopes: ['read', 'write', 'upload'], media: one.id })
    expect((await send(`/media/${one.id}/title/`, token)).status).toBe(200)
    for (const path of [`/media/${other.id}/`, '/media/', `/media/${other.id}/content/`])
      expect(await resultOf(await send(path, token))).toEqual([403, 'forbidden'])
    expect((await upload(token)).status).toBe(403)
  })

  it('expires', async () => {
    const token = await tokenFor({ scopes: ['read'], expires_in: 60 })
    laterBy(59)
    expect((await send('/media/', token)).status).toBe(200)
    laterBy(61)
    const answer = await send('/media/', token)
    expect(answer.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"')
    expect(await resultOf(answer)).toEqual([401, 'token-expired'])
  })

  it('is refused with any character changed, and by another installation', async () => {
    const token = await tokenFor({ scopes: ['read'] })
    const statuses = await Promise.all(changed(token).map(async (each) => (await send('/media/', each)).status))
    expect(new Set(statuses)).toEqual(new Set([401]))
    const foreign = new Tokens('f0'.repeat(32))
    const limits = { expiresAt: new Date(Date.now() + 60_000) }
    expect((await send('/media/', await foreign.sign({ owner: 'anna', scopes: ['read'], limits }))).status).toBe(401)
    expect((await send('/media/', await tokens.sign({ owner: 'anna', scopes: ['read'], limits }))).status).toBe(200)
  })

  it.each<[string, object, object]>([
    ['more scopes', { scopes: ['delegate', 'upload'] }, { scopes: ['read'] }],
    ['the scope admin', { scopes: ['delegate'] }, { scopes: ['admin'] }],
    ['another owner', { scopes: ['delegate', 'upload'] }, { scopes: ['upload'], owner: 'ben' }],
    ['larger files', { scopes: ['delegate', 'upload'], max_file_size: 10 }, { scopes: ['upload'], max_file_size: 11 }],
    [
      'more types',
      { scopes: ['delegate', 'upload'], types: ['image/png'] },
      { scopes: ['upload'], types: ['image/gif'] },
    ],
  ])('never allows more than its maker may: %s', async (_, maker, wanted) => {
    const token = await tokenFor(maker)
    expect(await resultOf(await postJson('/tokens/', token, wanted))).toEqual([403, 'forbidden'])
  })

  it('inherits the limits and the end of its maker', async () => {
    const maker = await tokenFor({
      scopes: ['delegate', 'upload'],
      expires_in: 60,
      max_file_size: 10,
      types: ['image/png'],
    })
    const token = await tokenFor({ scopes: ['upload'], expires_in: 604_800 }, maker)
    expect(await (await send('/upload/policy/', token)).json()).toEqual({ max_file_size: 10, types: ['image/png'] })
    laterBy(61)
    expect(await resultOf(await send('/upload/policy/', token))).toEqual([401, 'token-expired'])
  })

  it('is for another owner if its maker has the scope admin', async () => {
    const token = await tokenFor({ scopes: ['upload', 'read'], owner: 'ben' }, admin.key)
    const { id } = await stored(token)
    expect((await send(`/media/${id}/`, token)).status).toBe(200)
    expect((await send(`/media/${id}/`, anna.key)).status).toBe(404)
  })

  it.each([
    {},
    { scopes: [] },
    { scopes: ['fly'] },
    { scopes: ['read'], expires_in: 0 },
    { scopes: ['read'], expires_in: 604_801 },
    { scopes: ['read'], expires_in: 1.5 },
    { scopes: ['read'], owner: '' },
    { scopes: ['read'], owner: 'a\0' },
    { scopes: ['read'], types: [] },
    { scopes: ['read'], types: ['image/*'] },
    { scopes: ['read'], media: 'x' },
    { scopes: ['read'], other: 1 },
  ])('is not created from an invalid request: %j', async (body) => {
    expect(await resultOf(await postJson('/tokens/', anna.key, body))).toEqual([422, 'validation-error'])
  })

  it('needs the scope delegate', async () => {
    const token = await tokenFor({ scopes: ['read', 'upload'] })
    expect(await resultOf(await postJson('/tokens/', token, { scopes: ['read'] }))).toEqual([403, 'forbidden'])
  })
})

describe('A link', () => {
  it('serves the file without credentials, in the pages of other sites too', async () => {
    const { id } = await stored(anna.key)
    const answer = await send(await linkFor(id), undefined, { headers: { 'Sec-Fetch-Site': 'cross-site' } })
    expect(answer.status).toBe(200)
    expect(PNG.equals(new Uint8Array(await answer.arrayBuffer()))).toBe(true)
    expect(answer.headers.get('cross-origin-resource-policy')).toBe('cross-origin')
    expect((await send(await linkFor(id), undefined, { method: 'HEAD' })).status).toBe(200)
  })

  it('decides how a browser shows the file', async () => {
    const { id } = await stored(anna.key)
    for (const disposition of ['inline', 'attachment'])
      expect((await send(await linkFor(id, { disposition }))).headers.get('content-disposition')).toContain(disposition)
  })

  it('is refused with any character changed, for another path or method, twice, and in a header', async () => {
    const [one, other] = [await stored(anna.key), await stored(anna.key)]
    const link = await linkFor(one.id)
    const token = new URL(link).searchParams.get('token') ?? ''
    const refused = [
      ...changed(token).map((each) => send(link.replace(token, each))),
      send(link.replace(one.id, other.id)),
      send(link.replace('/content/', '/')),
      send(link.replace('/content/', '/metadata/')),
      send(`/media/?token=${token}`),
      send(`${link}&token=${token}`),
      send(`${link}?token=${token}`),
      send(link.replace('token=', 'TOKEN=')),
      send(`/media/${one.id}/content/`, token),
      send(link.replace('/content/', '/'), undefined, { method: 'DELETE' }),
      send(`/media/${one.id}/content/?token=`),
      send(`/media/${one.id}/content/?token=${await tokenFor({ scopes: ['read'] })}`),
      send(`/media/${one.id}/content/?token=${anna.key}`),
    ]
    expect(new Set((await Promise.all(refused)).map(({ status }) => status))).toEqual(new Set([401]))
    expect((await send(link)).status).toBe(200)
  })

  it('expires', async () => {
    const link = await linkFor((await stored(anna.key)).id, { expires_in: 60 })
    laterBy(61)
    expect(await resultOf(await send(link))).toEqual([401, 'token-expired'])
  })

  it('ends with the media item', async () => {
    const { id } = await stored(anna.key)
    const link = await linkFor(id)
    await send(`/media/${id}/`, anna.key, { method: 'DELETE' })
    expect((await send(link)).status).toBe(404)
  })

  it('is found behind other parameters, and only there opens content to other sites', async () => {
    const { id } = await stored(anna.key)
    const crossSite = { headers: { 'Sec-Fetch-Site': 'cross-site' } }
    const link = await linkFor(id)
    expect((await send(link.replace('?', '?x=?&'), undefined, crossSite)).status).toBe(200)
    for (const query of ['?token=x', '?x=?&token=y', '??token=y'])
      expect([401, 403]).toContain((await send(`/media/${id}/content/${query}`, anna.key, crossSite)).status)
  })

  it('is not created for a media item of another owner', async () => {
    const ben = await tokenFor({ scopes: ['upload', 'read'], owner: 'ben' }, admin.key)
    const { id } = await stored(ben)
    expect(await resultOf(await postJson(`/media/${id}/links/`, anna.key, {}))).toEqual([404, 'not-found'])
    expect((await postJson(`/media/${id}/links/`, admin.key, {})).status).toBe(201)
  })

  it('occurs in no log line', async () => {
    const link = await linkFor((await stored(anna.key)).id)
    await send(link)
    expect(JSON.stringify(server.log)).not.toContain(new URL(link).searchParams.get('token')?.slice(-20) ?? '')
  })
})

describe('A navigation from another site', () => {
  // fetch sets these headers itself.
  const navigation = ['Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: navigate', 'Sec-Fetch-Dest: document']
  const statusOf = async (path: string, ...headers: string[]) =>
    (await server.exchange(get(path, `Authorization: Bearer ${anna.key}`, ...headers))).status

  it('reaches content, but no other route', async () => {
    const { id } = await stored(anna.key)
    expect(await statusOf(`/media/${id}/content/`, ...navigation)).toBe(200)
    expect(await statusOf(`/media/${id}/`, ...navigation)).toBe(403)
    expect(await statusOf(`/media/${id}/content/`, 'Sec-Fetch-Site: cross-site')).toBe(403)
  })
})

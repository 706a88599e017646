import { randomUUID } from 'node:crypto'
import { afterAll, describe, expect, it } from 'vitest'
import { type ApiKey, createApiKey, parseApiKey, verifyApiKey } from '../../src/adapters/http/auth/api-keys.ts'
import { authenticateBearer } from '../../src/adapters/http/auth/bearer.ts'
import { SCOPES, type Scope } from '../../src/adapters/http/auth/caller.ts'
import { PNG } from '../samples.ts'
import { type Accepted, startServer } from './harness.ts'
import { get, post } from './multipart.ts'

const MEDIA_SCOPES = SCOPES.filter((scope) => scope !== 'admin')

function newKey(name: string, scopes: readonly Scope[]): { key: string; parsed: ApiKey } {
  const { key, entry } = createApiKey(name, scopes)._unsafeUnwrap()
  const parsed = parseApiKey(entry)
  if (!parsed) throw new Error(`The entry ${entry} is not valid.`)
  return { key, parsed }
}

const keys = {
  anna: newKey('anna', MEDIA_SCOPES),
  ben: newKey('ben', MEDIA_SCOPES),
  carl: newKey('carl', MEDIA_SCOPES),
  newBen: newKey('ben', MEDIA_SCOPES),
  reader: newKey('reader', ['read']),
  uploader: newKey('uploader', ['upload']),
  admin: newKey('admin', SCOPES),
}
const server = await startServer(
  {
    anonymousScopes: [],
    authenticate: authenticateBearer([verifyApiKey(Object.values(keys).map(({ parsed }) => parsed))]),
  },
  afterAll,
)

const send = (path: string, credentials: string | undefined, init: RequestInit = {}) =>
  fetch(server.url + path, {
    ...init,
    headers: { ...init.headers, ...(credentials !== undefined && { Authorization: `Bearer ${credentials}` }) },
  })

function uploadForm(): FormData {
  const form = new FormData()
  form.append('file', new File([new Uint8Array(PNG)], 'a.png'))
  return form
}
async function upload(credentials: string): Promise<Accepted> {
  const answer = await send('/upload/', credentials, { method: 'POST', body: uploadForm() })
  expect(answer.status).toBe(201)
  return (await answer.json()) as Accepted
}

/** The problem without its request id. */
async function problemOf(answer: Response) {
  const { request_id: _, ...problem } = (await answer.json()) as Record<string, unknown>
  return problem
}

const unauthenticated = {
  type: '/problems/unauthenticated',
  title: 'Valid credentials are required',
  status: 401,
}

describe('Credentials that are not valid', () => {
  const { key } = keys.anna
  const replaced = (index: number) => key.slice(0, index) + (key[index] === 'A' ? 'B' : 'A') + key.slice(index + 1)

  it.each([
    ['none', undefined],
    ['an empty token', 'Bearer '],
    ['no token', 'Bearer'],
    ['another scheme', `Basic ${Buffer.from(`anna:${key}`).toString('base64')}`],
    ['no scheme', key],
    ['a key that was never created', `Bearer ${newKey('anna', ['read']).key}`],
    ['the secret of another name', `Bearer ${key.replace('mp_anna', 'mp_ben')}`],
    ['a name that does not exist', `Bearer ${key.replace('mp_anna', 'mp_dora')}`],
    ['the name of an object property', `Bearer ${key.replace('mp_anna', 'mp___proto__')}`],
    ['a key that is too long', `Bearer ${key}A`],
    ['a key that is too short', `Bearer ${key.slice(0, -1)}`],
    ['16 KiB', `Bearer mp_anna_${'A'.repeat(8000)}`],
    ['bytes that are not ASCII', 'Bearer m\u00FC'],
    ['two keys', `Bearer ${key}, Bearer ${key}`],
    ['the entry of the key', `Bearer anna:read:${keys.anna.parsed.digest.toString('hex')}`],
  ])('are refused with 401 unauthenticated and one body: %s', async (_, authorization) => {
    const headers: Record<string, string> = authorization === undefined ? {} : { Authorization: authorization }
    for (const answer of [
      await fetch(`${server.url}/media/`, { headers }),
      await fetch(`${server.url}/upload/`, { method: 'POST', body: uploadForm(), headers }),
    ]) {
      expect(await problemOf(answer)).toEqual(unauthenticated)
      expect(answer.headers.get('www-authenticate')).toBe('Bearer')
    }
  })

  it('are refused if any character of the key is changed', async () => {
    for (let index = 0; index < key.length; index++)
      expect((await send('/media/', replaced(index))).status, `character ${index}`).toBe(401)
  })

  it('are refused if the request has two Authorization lines', async () => {
    const line = `Authorization: Bearer ${key}`
    expect((await server.exchange(get('/media/', line))).status).toBe(200)
    expect((await server.exchange(get('/media/', line, line))).status).toBe(401)
    expect((await server.exchange(get('/media/', line, 'authorization: Bearer x'))).status).toBe(401)
  })

  it('are refused in the query and in the form', async () => {
    expect((await send(`/media/?token=${key}`, undefined)).status).toBe(401)
    const form = uploadForm()
    form.append('token', key)
    expect((await send('/upload/', undefined, { method: 'POST', body: form })).status).toBe(401)
  })

  it('are refused before the body is read', async () => {
    const head = post(Buffer.alloc(0), 'Content-Length: 1000000')
    expect((await server.exchange(head)).status).toBe(401)
  })
})

describe('Scopes', () => {
  it.each<[string, keyof typeof keys, string, RequestInit]>([
    ['upload', 'reader', '/upload/', { method: 'POST', body: uploadForm() }],
    ['read', 'uploader', '/media/', {}],
    ['read', 'uploader', `/media/${randomUUID()}/content/`, {}],
    ['write', 'reader', `/media/${randomUUID()}/`, { method: 'PATCH', body: '{}' }],
    ['delete', 'reader', `/media/${randomUUID()}/`, { method: 'DELETE' }],
  ])('without %s, the key %s gets 403 forbidden', async (scope, name, path, init) => {
    const answer = await send(path, keys[name].key, init)
    expect(await problemOf(answer)).toMatchObject({ type: '/problems/forbidden', status: 403 })
    expect(answer.headers.get('www-authenticate')).toBe(`Bearer error="insufficient_scope", scope="${scope}"`)
  })
})

describe('Owners', () => {
  const REQUESTS: readonly (readonly [path: string, init: RequestInit])[] = [
    ['/', {}],
    ['/content/', {}],
    ['/content/', { method: 'HEAD' }],
    ['/title/', {}],
    ['/metadata/', {}],
    ['/', { method: 'PATCH', body: '{"title":"B"}', headers: { 'Content-Type': 'application/json' } }],
    ['/', { method: 'DELETE' }],
  ]

  it.each(REQUESTS)('do not see the media items of others: %s %o', async (path, init) => {
    const [own, unknown] = [await upload(keys.anna.key), randomUUID()]
    for (const { key: other } of [keys.ben, keys.carl]) {
      const answers = await Promise.all([own.id, unknown].map((id) => send(`/media/${id}${path}`, other, init)))
      const [theirs, missing] = await Promise.all(
        answers.map(async (answer) => [
          answer.status,
          answer.headers.get('etag'),
          init.method === 'HEAD' ? undefined : await problemOf(answer),
        ]),
      )
      expect(theirs?.[0]).toBe(404)
      expect(theirs).toEqual(missing)
    }
    expect((await send(`/media/${own.id}/`, keys.anna.key)).status).toBe(200)
  })

  it('list only their own media items', async () => {
    const [annas, bens] = [await upload(keys.anna.key), await upload(keys.ben.key)]
    const idsFor = async (key: string) =>
      ((await (await send('/media/?limit=100', key)).json()) as { items: { id: string }[] }).items.map(({ id }) => id)
    expect(await idsFor(keys.anna.key)).toContain(annas.id)
    expect(await idsFor(keys.anna.key)).not.toContain(bens.id)
    expect(await idsFor(keys.newBen.key)).toContain(bens.id)
    expect(await idsFor(keys.admin.key)).toEqual(expect.arrayContaining([annas.id, bens.id]))
  })

  it('have their own idempotency keys', async () => {
    const init = () => ({ method: 'POST', body: uploadForm(), headers: { 'Idempotency-Key': 'same' } })
    const answers = [await send('/upload/', keys.anna.key, init()), await send('/upload/', keys.ben.key, init())]
    expect(answers.map(({ status }) => status)).toEqual([201, 201])
    expect(answers.map(({ headers }) => headers.get('idempotency-replayed'))).toEqual([null, null])
  })

  it('are all visible to the scope admin, which may change and delete', async () => {
    const { id } = await upload(keys.anna.key)
    expect((await send(`/media/${id}/`, keys.admin.key, { method: 'DELETE' })).status).toBe(204)
    expect((await send(`/media/${id}/`, keys.anna.key)).status).toBe(404)
  })
})

it('A key occurs in no log line and no answer', async () => {
  const secret = keys.anna.key.slice('mp_anna_'.length)
  await upload(keys.anna.key)
  const answer = await send('/nowhere/', keys.anna.key)
  expect(secret).toHaveLength(43)
  expect(JSON.stringify(server.log) + (await answer.text())).not.toContain(secret)
})

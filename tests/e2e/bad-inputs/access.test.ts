import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { expectProblem, startServer, type TestServer } from '../harness.ts'
import { file, form, get, post, request } from '../multipart.ts'

let server: TestServer
beforeAll(async () => {
  server = await startServer()
})
afterEach(() => server.works())
afterAll(() => server.close())

const good = form(file())
const ELSEWHERE = 'evil.example'

describe('Host', () => {
  it('A7: must be there once', async () => {
    await server.refuses(get('/media/', 'Host: localhost', 'Host: localhost'), 400, 'bad-host')
    await server.refuses(get('/media/', 'Host: localhost', `Host: ${ELSEWHERE}`), 400, 'bad-host')
  })

  it.each([
    'user@evil',
    'localhost@evil',
    'a"><b',
    '[::1',
    'localhost:80:80',
    'localhost, evil',
    'local host',
    'localhost/evil',
    'localhost.',
    '127.0.0.1.evil.example',
    '',
    'x'.repeat(8192),
  ])('A8: %s is refused and not shown', async (host) => {
    const { headers, body } = await server.refuses(get('/media/', `Host: ${host}`), 400, 'bad-host')
    if (host.length > 0) expect(JSON.stringify(headers) + body.toString()).not.toContain(host)
  })

  it.each([
    'X-Forwarded-Host: x',
    'X-Forwarded-Proto: https',
    'X-Forwarded-For: 1.2.3.4',
    'Forwarded: for=x',
    'Via: 1.1 x',
  ])('A9: %s is not answered on loopback', async (header) => {
    await server.refuses(get('/media/', header), 403, 'forbidden')
    await server.refuses(post(good, header), 403, 'forbidden')
  })

  it('A12: a target on another host is ours', async () => {
    const { status, body } = await server.exchange(get(`http://${ELSEWHERE}/ping/`))
    expect([status, body.toString()]).toEqual([200, '{"message":"pong"}'])
  })

  it('N3: a name that was made to point here is refused', async () => {
    await server.refuses(get('/media/', 'Host: attacker.example'), 400, 'bad-host')
    await server.refuses(post(good, `Host: attacker.example:${server.port}`), 400, 'bad-host')
  })
})

describe('a request from another site', () => {
  it.each([
    ['Sec-Fetch-Site: cross-site'],
    ['Origin: https://evil.example'],
    ['Origin: null'],
    ['Origin: http://localhost.evil.example'],
  ])('N2: %s is not answered', async (...headers) => {
    await server.refuses(post(good, ...headers), 403, 'cross-site')
    await server.refuses(get('/media/', ...headers), 403, 'cross-site')
  })

  it('N2: the own origin is answered', async () => {
    await server.accepts(
      post(good, `Host: 127.0.0.1:${server.port}`, `Origin: ${server.url}`, 'Sec-Fetch-Site: same-origin'),
    )
  })
})

describe('methods and paths', () => {
  it('A13: TRACE shows nothing', async () => {
    const { headers, body } = await server.refuses(
      request('TRACE /media/', ['X-Secret: hush']),
      405,
      'method-not-allowed',
    )
    expect(headers).toMatchObject({ allow: 'HEAD, GET' })
    expect(body.toString()).not.toContain('hush')
  })

  it('A13: CONNECT gets no tunnel', async () => {
    const wire = server.connect()
    await wire.send(request(`CONNECT ${ELSEWHERE}:80`))
    expect((await wire.closed()).toString()).not.toMatch(/^HTTP\/1.1 2/)
  })

  it.each(['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])('A14: %s is not for uploads', async (method) => {
    for (const path of ['/upload/', '/upload']) {
      const answer = await server.exchange(request(`${method} ${path}`), { toHead: method === 'HEAD' })
      if (method === 'HEAD') expect(answer.status).toBe(405)
      else expectProblem(answer, 405, 'method-not-allowed')
      expect(answer.headers).toMatchObject({ allow: 'POST' })
    }
  })

  it.each([
    '/media/%00/',
    '/media/%0d%0aSet-Cookie:%20a=b/',
    '/media/%E0%A4%A/',
    '/media/%E0%A4%A/content/',
    '/media/..%2f..%2fetc%2fpasswd/content/',
    '/media/../../etc/passwd',
    '/%2e%2e/%2e%2e/etc/passwd',
    '//media/x',
    `/media/${'x'.repeat(12_288)}/`,
    '/.env',
    '/__proto__/',
  ])('A23: %s is nothing', async (path) => {
    const { headers } = await server.refuses(get(path), 404, 'not-found')
    expect(headers).not.toHaveProperty('set-cookie')
  })
})

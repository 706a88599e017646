import { describe, expect, it } from 'vitest'
import { expectProblem, refusalInTitle, serverForFile } from '../harness.ts'
import { file, form, get, post, request } from '../multipart.ts'

const server = await serverForFile()
const good = form(file())
const OTHER_HOST = 'evil.example'

describe('Host header', () => {
  it('a repeated Host header is refused with 400 bad-host', async () => {
    await server.refuses(get('/media/', 'Host: localhost', 'Host: localhost'))
    await server.refuses(get('/media/', 'Host: localhost', `Host: ${OTHER_HOST}`))
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
    '',
    'x'.repeat(8192),
  ])('a malformed Host header is refused with 400 bad-host: %s', async (host) => {
    const { headers, body } = await server.refuses(get('/media/', `Host: ${host}`))
    if (host.length > 0) expect(JSON.stringify(headers) + body.toString()).not.toContain(host)
  })

  it.each(['attacker.example', '127.0.0.1.evil.example'])(
    'a Host header with the name of another site (DNS rebinding) is refused with 400 bad-host: %s',
    async (host) => {
      const { headers, body } = await server.refuses(get('/media/', `Host: ${host}`))
      expect(JSON.stringify(headers) + body.toString()).not.toContain(host)
      await server.refuses(post(good, `Host: ${host}:${server.port}`))
    },
  )

  it.each([
    'X-Forwarded-Host: x',
    'X-Forwarded-Proto: https',
    'X-Forwarded-For: 1.2.3.4',
    'Forwarded: for=x',
    'Via: 1.1 x',
  ])('a request through a proxy to a server on loopback is refused with 403 forbidden: %s', async (header) => {
    await server.refuses(get('/media/', header))
    await server.refuses(post(good, header))
  })

  it('a request target with the address of another host is served like its path', async () => {
    const { status, body } = await server.exchange(get(`http://${OTHER_HOST}/ping/`))
    expect([status, body.toString()]).toEqual([200, '{"message":"pong"}'])
  })
})

describe('Cross-site requests', () => {
  it.each([
    'Sec-Fetch-Site: cross-site',
    'Origin: https://evil.example',
    'Origin: null',
    'Origin: http://localhost.evil.example',
  ])('a request from another site is refused with 403 cross-site: %s', async (header) => {
    await server.refuses(post(good, header))
    await server.refuses(get('/media/', header))
    await server.refuses(get('/MEDIA/', header))
  })

  it('an upload from the origin of the server is accepted', async () => {
    await server.accepts(
      post(good, `Host: 127.0.0.1:${server.port}`, `Origin: ${server.url}`, 'Sec-Fetch-Site: same-origin'),
    )
  })
})

describe('Methods and paths', () => {
  it('a TRACE request is refused with 405 method-not-allowed', async () => {
    const { headers, body } = await server.refuses(request('TRACE /media/', ['X-Secret: hush']))
    expect(headers).toMatchObject({ allow: 'HEAD, GET' })
    expect(body.toString()).not.toContain('hush')
  })

  it('a CONNECT request opens no tunnel', async () => {
    const wire = await server.connect().send(request(`CONNECT ${OTHER_HOST}:80`))
    expect((await wire.closed()).toString()).not.toMatch(/^HTTP\/1.1 2/)
  })

  it.each(['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])(
    'a method other than POST on /upload/ is refused with 405 method-not-allowed: %s',
    async (method) => {
      for (const path of ['/upload/', '/upload']) {
        const answer = await server.exchange(request(`${method} ${path}`), { toHead: method === 'HEAD' })
        if (method === 'HEAD') expect(refusalInTitle().statuses).toContain(answer.status)
        else expectProblem(answer)
        expect(answer.headers).toMatchObject({ allow: 'POST' })
      }
    },
  )

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
  ])('a path without a resource is refused with 404 not-found: %s', async (path) => {
    const { headers } = await server.refuses(get(path))
    expect(headers).not.toHaveProperty('set-cookie')
  })
})

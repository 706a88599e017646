import { Validator } from '@seriousme/openapi-schema-validator'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import { okAsync } from 'neverthrow'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { LOCAL_SCOPES } from '../../src/adapters/http/auth/caller.ts'
import { Tokens } from '../../src/adapters/http/auth/tokens.ts'
import { CODES, summary, toProblem } from '../../src/adapters/http/problem.ts'
import { createRouter } from '../../src/adapters/http/router.ts'
import { PNG } from '../samples.ts'
import { startServer } from './harness.ts'

interface Response {
  readonly content?: Record<string, { examples?: Record<string, { value: unknown }> }>
  readonly headers?: Record<string, { required?: boolean }>
}
interface Document {
  readonly openapi: string
  readonly paths: Record<
    string,
    Record<string, { summary?: string; tags?: string[]; responses: Record<string, Response> }>
  >
}

/** Without it `fetch` adds `Cache-Control: no-cache`, which asks for a full answer. */
const REVALIDATE = { 'Cache-Control': 'max-age=0' }

/** The routes of the HTML pages, which the document does not describe. */
const PAGES = ['/', '/swagger', '/swagger/assets/:name', '/redoc', '/redoc/assets/:name']

describe('The OpenAPI document', async () => {
  const server = await startServer({}, afterAll)
  let document: Document
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  formats.default(ajv)

  beforeAll(async () => {
    document = (await (await fetch(`${server.url}/schema/?format=json`)).json()) as Document
    ajv.addSchema(document, 'api')
  })

  /** Expects that the document describes an answer of this route with this status, these headers and this body. */
  const expectDescribed = async (path: string, method: string, answer: globalThis.Response): Promise<void> => {
    const described = document.paths[path]?.[method]?.responses[String(answer.status)]
    expect(described, `${method} ${path} ${answer.status}`).toBeDefined()
    for (const [header, { required }] of Object.entries(described?.headers ?? {}))
      if (required) expect(answer.headers.get(header), header).not.toBeNull()
    const type = answer.headers.get('content-type')?.split(';')[0]
    if (type === undefined) return
    const content = described?.content ?? {}
    const contentType = type in content ? type : '*/*'
    expect(Object.keys(content), `${method} ${path} ${answer.status} ${type}`).toContain(contentType)
    if (!type.endsWith('json')) return
    const pointer = ['paths', path, method, 'responses', String(answer.status), 'content', contentType, 'schema']
    const escaped = pointer.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')))
    const validate = ajv.getSchema(`api#/${escaped.join('/')}`)
    const body: unknown = await answer.json()
    expect(validate?.(body), JSON.stringify(validate?.errors)).toBe(true)
  }

  const upload = (fields: Record<string, string | Blob>, key?: string) => {
    const form = new FormData()
    for (const [name, value] of Object.entries(fields))
      if (typeof value === 'string') form.append(name, value)
      else form.append(name, value, 'photo.png')
    const headers: Record<string, string> = key === undefined ? {} : { 'Idempotency-Key': key }
    return fetch(`${server.url}/upload/`, { method: 'POST', body: form, headers })
  }
  const png = () => new Blob([Uint8Array.from(PNG)])

  it('is valid OpenAPI 3.1 and the same in JSON and YAML', async () => {
    expect(document.openapi).toMatch(/^3\.1\./)
    const validity = await new Validator().validate({ ...document })
    expect(validity).toMatchObject({ valid: true })
    const yaml = await fetch(`${server.url}/schema/`)
    expect(yaml.headers.get('content-type')).toMatch(/^application\/yaml/)
    expect(parse(await yaml.text())).toEqual(document)
    const json = await fetch(`${server.url}/schema`, { headers: { Accept: 'application/json' } })
    expect(await json.json()).toEqual(document)
  })

  it('describes every route', () => {
    const access = { hosts: [], anonymousScopes: LOCAL_SCOPES, loopbackOnly: true, publicUrl: server.url }
    const pace = { idleSeconds: 1, minRate: 1 }
    const log = { debug: ignore, info: ignore, warn: ignore, error: ignore }
    const authenticate = () => okAsync(undefined)
    const tokens = new Tokens('00')
    const options = { access, authenticate, tokens, pace, log, isDraining: () => false, isCutOff: () => false }
    const router = createRouter(server.mediaport, options)
    const served = router.stack
      .filter(({ path }) => !PAGES.includes(String(path)))
      .flatMap(({ path, methods }) =>
        methods.filter((method) => method !== 'HEAD').map((method) => `${method} ${String(path)}/`),
      )
    const described = Object.entries(document.paths).flatMap(([path, item]) =>
      Object.keys(item).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`),
    )
    expect(described.toSorted()).toEqual(served.toSorted())
  })

  it('has a summary and a tag for every operation', () => {
    for (const item of Object.values(document.paths))
      for (const operation of Object.values(item))
        expect(operation).toMatchObject({ summary: expect.stringMatching(/\w/), tags: [expect.stringMatching(/\w/)] })
  })

  it('describes the answers of every route', async () => {
    const uploaded = await upload({ title: 'Été', file: png(), tags: 'a, b' })
    const { id } = (await uploaded.clone().json()) as { id: string }
    await expectDescribed('/upload/', 'post', uploaded)
    const get = async (path: string, address: string, headers: Record<string, string> = {}) => {
      const answer = await fetch(server.url + address, { headers })
      await expectDescribed(path, 'get', answer)
      return answer.status
    }
    expect(await get('/ping/', '/ping/')).toBe(200)
    expect(await get('/healthcheck/', '/healthcheck/')).toBe(200)
    expect(await get('/schema/', '/schema/?format=json')).toBe(200)
    expect(await get('/schema/', '/schema/?format=xml')).toBe(400)
    expect(await get('/media/', '/media/?limit=1')).toBe(200)
    expect(await get('/media/', '/media/?limit=0')).toBe(400)
    expect(await get('/media/{id}/', `/media/${id}/`)).toBe(200)
    expect(await get('/media/{id}/', `/media/${id}/`, { 'If-None-Match': '*', ...REVALIDATE })).toBe(304)
    expect(await get('/media/{id}/', '/media/nothing/')).toBe(404)
    expect(await get('/media/{id}/content/', `/media/${id}/content/`)).toBe(200)
    expect(await get('/media/{id}/content/', `/media/${id}/content/`, { Range: 'bytes=0-3' })).toBe(206)
    expect(await get('/media/{id}/content/', `/media/${id}/content/`, { Range: 'bytes=99999-' })).toBe(416)

    const send = async (method: 'PATCH' | 'DELETE', body?: string, headers: Record<string, string> = {}) => {
      const init =
        body === undefined ? { headers } : { body, headers: { 'Content-Type': 'application/json', ...headers } }
      const answer = await fetch(`${server.url}/media/${id}/`, { method, ...init })
      await expectDescribed('/media/{id}/', method.toLowerCase(), answer)
      return answer.status
    }
    expect(await send('PATCH', '{"title":"Hiver","tags":["b"]}')).toBe(200)
    expect(await send('PATCH', '{"title":')).toBe(400)
    expect(await send('PATCH', '{"title":"A"}', { 'If-Match': '"stale"' })).toBe(412)
    expect(await send('PATCH', ' '.repeat(1024 * 1024 + 1))).toBe(413)
    expect(await send('PATCH', '{}', { 'Content-Type': 'text/plain' })).toBe(415)
    expect(await send('PATCH', '{"title":""}')).toBe(422)
    expect(await send('PATCH', '{"title":7}')).toBe(422)
    expect(await send('DELETE', undefined, { 'If-Match': '"stale"' })).toBe(412)
    expect(await send('DELETE')).toBe(204)
    expect(await send('DELETE')).toBe(404)
    expect(await send('PATCH', '{"title":"A"}')).toBe(404)
  })

  it('describes the answers to uploads with an Idempotency-Key', async () => {
    const key = 'described'
    const first = await upload({ file: png() }, key)
    const { id } = (await first.clone().json()) as { id: string }
    const replayed = await upload({ file: png() }, key)
    const other = await upload({ file: png(), title: 'another' }, key)
    await fetch(`${server.url}/media/${id}/`, { method: 'DELETE' })
    const deleted = await upload({ file: png() }, key)
    const answers = [first, replayed, other, deleted, await upload({ file: png() }, 'no key')]
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 422, 410, 400])
    for (const answer of answers) await expectDescribed('/upload/', 'post', answer)
  })

  it.each([
    [201, { file: png(), title: '', tags: '', sha256: '' }],
    [400, { title: 'no file' }],
    [413, { file: new Blob([Uint8Array.from(PNG), new Uint8Array(1024 * 1024)]) }],
    [415, { file: new Blob(['text']) }],
    [422, { file: png(), title: 'two\nlines' }],
    [422, { file: png(), sha256: 'x' }],
    [422, { file: new Blob([]) }],
  ])('describes the answer %i to an upload', async (status, fields) => {
    const answer = await upload(fields)
    expect(answer.status).toBe(status)
    await expectDescribed('/upload/', 'post', answer)
  })

  it('describes every error with a valid example under its status', () => {
    const responses = Object.values(document.paths).flatMap((item) =>
      Object.values(item).flatMap((operation) => Object.entries(operation.responses)),
    )
    const validate = ajv.getSchema('api#/components/schemas/Problem')
    // An unknown method belongs to no operation.
    for (const code of CODES.filter((code) => code !== 'method-not-allowed')) {
      const { status } = summary(code)
      const examples = responses
        .filter(([key]) => key === String(status))
        .flatMap(([, { content }]) => content?.['application/problem+json']?.examples?.[code] ?? [])
      expect(examples, code).not.toEqual([])
      for (const { value } of examples)
        expect(validate?.(value), `${code} ${JSON.stringify(validate?.errors)}`).toBe(true)
    }
  })

  it('describes a problem with its dependency and without its cause', () => {
    const validate = ajv.getSchema('api#/components/schemas/Problem')
    const { body } = toProblem(
      { type: 'unavailable', dependency: 'database', cause: new Error('down') },
      '7a61f1a5-32f7-4a52-9d3a-5f1c0b6a8a55',
    )
    expect(validate?.(body)).toBe(true)
    expect(JSON.stringify(body)).not.toContain('down')
  })
})

const ignore = (): void => {}

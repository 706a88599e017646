import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { MemoryFileStorage } from '../../../src/adapters/memory/memory-file-storage.ts'
import { pngOf } from '../../samples.ts'
import { startServer, type TestServer } from '../harness.ts'
import { begin, concat, field, file, form, post } from '../multipart.ts'

// So many uploads would wait for a disk most of the time.
let server: TestServer
beforeAll(async () => {
  server = await startServer({ wrapStorage: () => new MemoryFileStorage() })
})
afterEach(() =>
  vi.waitFor(async () => expect((await server.rows()).map(({ state }) => state)).not.toContain('receiving')),
)
afterAll(() => server.close())

/** What is said about a media or an error, without what is never the same twice. */
async function answerTo(...pieces: Buffer[]): Promise<object> {
  const wire = server.connect()
  await server.sendApart(wire, pieces)
  const { status, body } = await wire.answer()
  wire.leave()
  const own = new Set(['id', 'file_id', 'url', 'created_at', 'request_id'])
  const said = Object.entries(JSON.parse(body.toString())).filter(([name]) => !own.has(name))
  return { ...Object.fromEntries(said), status }
}

describe('the same form', () => {
  const all = form(field('title', 'Größe'), file(pngOf(200), 'ä.png'), field('tags', 'a,b'))

  it.each([
    ['good', all],
    ['bad', form(field('title', 'x'), file(), field('a[b]', 'x'))],
    ['cut', concat(file(), begin(field('title', 'x')))],
  ])('B21: split at any byte is answered the same: a %s one', async (_, body) => {
    const whole = await answerTo(post(body))
    const head = post('', `Content-Length: ${body.length}`)
    for (let at = 0; at <= body.length; at++)
      expect(await answerTo(concat(head, body.subarray(0, at)), body.subarray(at))).toEqual(whole)
  })

  it('B21: byte by byte is answered the same', async () => {
    const bytes = Array.from(all, (_, at) => all.subarray(at, at + 1))
    expect(await answerTo(post('', `Content-Length: ${all.length}`), ...bytes)).toEqual(await answerTo(post(all)))
  })

  it('B22: in another order has the same result', async () => {
    const [title, tags, bytes] = [field('title', 'T'), field('tags', 'a,b'), file(pngOf(50_000))]
    const results = []
    for (const parts of [
      [title, tags, bytes],
      [bytes, title, tags],
      [title, bytes, tags],
    ])
      results.push(await answerTo(post(form(...parts))))
    expect(results[0]).toMatchObject({ status: 201, title: 'T', tags: ['a', 'b'] })
    expect(results[1]).toEqual(results[0])
    expect(results[2]).toEqual(results[0])
  })
})

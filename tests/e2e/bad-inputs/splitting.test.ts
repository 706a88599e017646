import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { MemoryFileStorage } from '../../../src/adapters/memory/memory-file-storage.ts'
import { pngOf } from '../../samples.ts'
import { startServer } from '../harness.ts'
import { begin, concat, field, file, form, post } from '../multipart.ts'
import { json } from '../wire.ts'

// Thousands of uploads to a disk would mostly wait for it.
const server = await startServer({ wrapStorage: () => new MemoryFileStorage() }, afterAll)
afterEach(() =>
  vi.waitFor(async () => expect((await server.rows()).map(({ state }) => state)).not.toContain('receiving')),
)

/** The status and body of the answer, without the fields that differ in every answer. */
async function answerTo(...pieces: Buffer[]): Promise<object> {
  const wire = server.connect()
  await server.sendSeparately(wire, pieces)
  const answer = await wire.answer()
  wire.leave()
  const { id: _, file_id: __, url: ___, created_at: ____, request_id: _____, ...body } = json(answer)
  return { ...body, status: answer.status }
}

describe('Forms in pieces', () => {
  const complete = form(field('title', 'Größe'), file(pngOf(200), 'ä.png'), field('tags', 'a,b'))

  it.each([
    ['valid', complete],
    ['invalid', form(field('title', 'x'), file(), field('a[b]', 'x'))],
    ['incomplete', concat(file(), begin(field('title', 'x')))],
  ])('a form that is sent in two pieces gets the same answer, wherever it is split: %s', async (_, body) => {
    const whole = await answerTo(post(body))
    const head = post('', `Content-Length: ${body.length}`)
    for (let at = 0; at <= body.length; at++)
      expect(await answerTo(concat(head, body.subarray(0, at)), body.subarray(at))).toEqual(whole)
  })

  it('a form that is sent byte by byte gets the same answer', async () => {
    const bytes = Array.from(complete, (_, at) => complete.subarray(at, at + 1))
    const head = post('', `Content-Length: ${complete.length}`)
    expect(await answerTo(head, ...bytes)).toEqual(await answerTo(post(complete)))
  })

  it('a form with its parts in another order has the same result', async () => {
    const [title, tags, bytes] = [field('title', 'T'), field('tags', 'a,b'), file(pngOf(50_000))]
    const first = await answerTo(post(form(title, tags, bytes)))
    expect(first).toMatchObject({ status: 201, title: 'T', tags: ['a', 'b'] })
    expect(await answerTo(post(form(bytes, title, tags)))).toEqual(first)
    expect(await answerTo(post(form(title, bytes, tags)))).toEqual(first)
  })
})

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { noise, PNG, pngOf, sha256 } from '../../samples.ts'
import { startServer, type TestServer } from '../harness.ts'
import { BOUNDARY, type Bytes, chunk, concat, field, file, form, part, post, postChunked } from '../multipart.ts'

let server: TestServer
beforeAll(async () => {
  server = await startServer()
})
afterEach(() => server.works())
afterAll(() => server.close())

const refuses = (body: Bytes, status: number, code: string, ...headers: string[]) =>
  server.refuses(post(body, ...headers), status, code)

/** The part is refused whether it stands before the file, after it, or in its place. */
async function refusesPart(bad: Bytes, status: number, code: string): Promise<void> {
  await refuses(form(bad, file()), status, code)
  await refuses(form(file(pngOf(50_000)), bad), status, code)
  await refuses(form(bad), status, code)
}

const disposition = 'Content-Disposition: form-data; name="file"; filename="a.png"'

const good = form(field('title', 'x'), file(pngOf(5000)), field('tags', 'a,b'))

describe('the headers of a part', () => {
  it.each([
    ['no Content-Disposition', 'Content-Type: image/png'],
    ['nothing', ''],
    ['another disposition', 'Content-Disposition: attachment; name="title"'],
    ['no parameters', 'Content-Disposition: form-data'],
    ['no name', 'Content-Disposition: form-data; x="y"'],
    ['an empty name', 'Content-Disposition: form-data; name=""'],
    ['an empty unquoted name', 'Content-Disposition: form-data; name='],
    ['a name without its end', 'Content-Disposition: form-data; name="title'],
    ['a broken parameter', 'Content-Disposition: form-data; name="title"; x'],
    ['something behind the name', 'Content-Disposition: form-data; name="title" x'],
    ['a file without a name', 'Content-Disposition: form-data; filename="a.png"'],
  ])('B8: with %s are refused', async (_, headers) => {
    await refusesPart(part(headers, PNG), 400, 'malformed-multipart')
  })

  it('B8: that a parser would skip in silence are refused', async () => {
    const skipped = part('Content-Disposition: form-data; name="title"; x*=UTF-8\'\'%zz', 'lost?')
    await refuses(form(skipped, file()), 400, 'malformed-multipart')
    await refuses(form(file(pngOf(50_000)), skipped), 400, 'malformed-multipart')
  })

  it.each([
    ['20 KiB in a line', `${disposition}\r\nX: ${'x'.repeat(20_000)}`],
    ['80 KiB in a line', `${disposition}\r\nX: ${'x'.repeat(80_000)}`],
    ['100 lines', `${disposition}${'\r\nX: x'.repeat(99)}`],
  ])('B9: with %s are refused', async (_, headers) => {
    await refusesPart(part(headers, PNG), 400, 'malformed-multipart')
  })

  it.each([
    ['in one line', 'x'.repeat(65_536)],
    ['of many lines', 'X: x\r\n'.repeat(10_000)],
  ])('B9: that never end, %s, are refused meanwhile', async (_, filler) => {
    await server.refusesMeanwhile(
      concat(postChunked(), chunk(`--${BOUNDARY}\r\n${disposition}\r\nX: `)),
      chunk(filler),
      400,
      'malformed-multipart',
    )
  })

  it('B10: with two dispositions are refused', async () => {
    const other = 'Content-Disposition: form-data; name="title"'
    await refusesPart(part(`${disposition}\r\n${other}`, PNG), 400, 'malformed-multipart')
    await refusesPart(part(`${other}\r\ncontent-disposition: form-data; name="x"`, 'x'), 400, 'malformed-multipart')
  })

  it.each([
    ['LF', '\n'],
    ['CR', '\r'],
  ])("B11: with bare %s at their lines' ends are refused", async (_, end) => {
    await refuses(good.toString('latin1').replaceAll('\r\n', end), 400, 'malformed-multipart')
    await refusesPart(part(`${disposition}${end}X: x`, PNG), 400, 'malformed-multipart')
  })

  it.each(['\x01', '\x7f', '\x1b', '\0'])(
    'B11: with the control character %j are refused, however long the form',
    async (control) => {
      await refusesPart(part(`Content-Disposition: form-data; name="x${control}"`, 'x'), 400, 'malformed-multipart')
      await server.refusesMeanwhile(
        concat(postChunked(), chunk(`--${BOUNDARY}\r\n${disposition}\r\nX: ${control}\r\n\r\n`)),
        chunk(noise(65_536)),
        400,
        'malformed-multipart',
      )
    },
  )

  it.each(['base64', 'quoted-printable', 'x-unknown', '7bit, base64'])(
    'B14: with the encoding %s are refused',
    async (encoding) => {
      const headers = `${disposition}\r\nContent-Transfer-Encoding: ${encoding}`
      await refuses(form(part(headers, PNG.toString('base64'))), 415, 'unsupported-transfer-encoding')
    },
  )

  it.each(['binary', '8bit', '7bit', 'BINARY'])('B14: with the encoding %s are taken', async (encoding) => {
    const { sha256: digest } = await server.accepts(
      post(form(part(`${disposition}\r\nContent-Transfer-Encoding: ${encoding}`, PNG))),
    )
    expect(digest).toBe(sha256(PNG))
  })
})

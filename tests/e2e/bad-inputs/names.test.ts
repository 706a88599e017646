import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { PNG } from '../../samples.ts'
import { type Accepted, startServer, type TestServer } from '../harness.ts'
import { type Bytes, concat, field, file, form, get, part, post } from '../multipart.ts'

let server: TestServer
beforeAll(async () => {
  server = await startServer()
})
afterEach(() => server.works())
afterAll(() => server.close())

const WEBP = Buffer.from('UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==', 'base64')

const named = (filename: Bytes): Promise<Accepted> => server.accepts(post(form(file(PNG, filename))))

/** The file part with these parameters instead of `filename`. */
const with_ = (parameters: Bytes): Buffer =>
  post(form(part(concat('Content-Disposition: form-data; name="file"; ', parameters), PNG)))

const disposition = async (id: string): Promise<string> => {
  const { status, headers } = await server.exchange(get(`/media/${id}/content/`))
  expect(status).toBe(200)
  return headers['content-disposition'] ?? ''
}

describe('a file name', () => {
  it.each([
    ['../../etc/passwd', 'passwd'],
    ['..\\..\\x', 'x'],
    ['C:\\x\\a.png', 'a.png'],
    ['\\\\srv\\s\\a', 'a'],
    ['/abs', 'abs'],
    ['a/../../b', 'b'],
    ['....//x', 'x'],
    ['..%2f..%2fx', '..%2f..%2fx'],
  ])('E1: %s is its last part', async (name, filename) => {
    expect(await named(name)).toMatchObject({ filename })
    for (const stored of await server.filesOnDisk()) expect(stored).toMatch(/^[0-9a-f-]{36}\.[0-9a-f]{18}$/)
  })

  it('E2: with NUL is refused, with %00 literal', async () => {
    await server.refuses(post(form(file(PNG, 'a.png\0.jpg'))), 400, 'malformed-multipart')
    expect(await named('a%00.png')).toMatchObject({ filename: 'a%00.png', title: 'a%00' })
  })

  it('E3: has no line breaks, and its quotes stay in it', async () => {
    const broken = await named('a%0d%0aSet-Cookie:x.png')
    expect(broken).toMatchObject({ filename: 'aSet-Cookie:x.png', title: 'aSet-Cookie:x' })
    expect(await disposition(broken.id)).toBe('inline; filename="aSet-Cookie:x.png"')
    const quotes = await named('a%22; x=%22.png')
    expect(quotes).toMatchObject({ filename: 'a"; x=".png' })
    expect(await disposition(quotes.id)).toBe('inline; filename="a\\"; x=\\".png"')
  })

  it.each([
    ['photo\u202egnp.exe.png', 'photognp.exe.png'],
    ['\ufeffa\u200b.png', 'a.png'],
    ['a\u0085\u009bb.png', 'ab.png'],
    ['a\u2028b.png', 'ab.png'],
  ])('E4: %j has what is invisible taken out', async (name, filename) => {
    expect(await named(name)).toMatchObject({ filename })
  })

  it.each([
    ['bytes that can not be', Buffer.from([0x61, 0xff, 0xfe, 0x2e, 0x70, 0x6e, 0x67]), 'a��.png'],
    ['Latin-1', Buffer.from('Größe.png', 'latin1'), 'Gr��e.png'],
  ])('E5: of %s is well-formed', async (_, bytes, filename) => {
    const media = await named(bytes)
    expect(media).toMatchObject({ filename })
    expect(await disposition(media.id)).toContain("filename*=UTF-8''")
  })

  it('E5: of a lone surrogate is well-formed', async () => {
    const media = await server.accepts(with_("filename*=UTF-8''a%ED%A0%80.png"))
    expect(media.filename).toMatch(/^a\ufffd+\.png$/)
    expect(await disposition(media.id)).toContain("filename*=UTF-8''a%EF%BF%BD")
  })

  it.each([
    ['5,000 bytes', `${'x'.repeat(5000)}.png`, `${'x'.repeat(251)}.png`],
    ['characters of 4 bytes', `${'😀'.repeat(100)}.png`, `${'😀'.repeat(62)}.png`],
    ['no extension', 'x'.repeat(5000), 'x'.repeat(255)],
  ])('E6: of %s is cut between characters', async (_, name, filename) => {
    expect(await named(name)).toMatchObject({ filename })
  })

  it.each([
    ['CON', 'CON'],
    ['NUL', 'NUL'],
    ['COM1.png', 'COM1.png'],
    ['a.', 'a.'],
    ['a ', 'a'],
    ['.htaccess', '.htaccess'],
    ['~', '~'],
    ['-rf', '-rf'],
    ['$(id)', '$(id)'],
    ['`id`', '`id`'],
    ['%n%s', '%n%s'],
    ['a;b.png', 'a;b.png'],
    ["it's, ok.png", "it's, ok.png"],
    ['...', '...'],
  ])('E7: %j is %j and nothing else', async (name, filename) => {
    const media = await named(name)
    expect(media.filename).toBe(filename)
    expect(await disposition(media.id)).toContain('inline')
  })

  it('E8: may come as filename*, alone or beside filename', async () => {
    expect(await server.accepts(with_("filename*=UTF-8''Gr%C3%B6%C3%9Fe.png"))).toMatchObject({ filename: 'Größe.png' })
    expect(await server.accepts(with_('filename="a.png"; filename*=UTF-8\'\'..%2Fb.png'))).toMatchObject({
      filename: 'b.png',
    })
    expect(await server.accepts(with_("filename*=iso-8859-1'de'%E4.png"))).toMatchObject({ filename: 'ä.png' })
  })

  it.each([
    "filename*=x-unknown''%E4.png",
    "filename*=UTF-8''%zz.png",
    "filename*=UTF-8''a%2",
    "filename*=UTF-8''",
    'filename*=a.png',
  ])('E8: that can not be decoded is none: %s', async (parameter) => {
    await server.refuses(with_(parameter), 400, 'missing-file')
  })

  it('E9: given twice is the first one', async () => {
    const media = await server.accepts(with_('filename="a.png"; filename="b.exe"'))
    expect(media).toMatchObject({ filename: 'a.png', title: 'a' })
  })

  it('E10: is no RFC 2047 word', async () => {
    const word = '=?UTF-8?B?YS5wbmc=?='
    expect(await named(word)).toMatchObject({ filename: word })
  })

  it('E11: is NFC, and twins are two media', async () => {
    const [one, other] = [await named('Gr\u00f6\u00dfe.png'), await named('Gro\u0308\u00dfe.png')]
    expect([one.filename, other.filename]).toEqual(['Gr\u00f6\u00dfe.png', 'Gr\u00f6\u00dfe.png'])
    expect(one.id).not.toBe(other.id)
    expect(await named('a．png')).toMatchObject({ filename: 'a．png', title: 'a．png' })
    expect(await named('раypal.png')).toMatchObject({ filename: 'раypal.png' })
  })

  it.each(['photo.jpg.php', 'x.svg', 'x.html', 'x.HTM', 'x.js', 'x.exe', 'x.sh', 'x.php\u200b', 'a/x.svg'])(
    'E12: %s promises what the bytes are not',
    async (name) => {
      await server.refuses(post(form(file(PNG, name))), 415, 'extension-mismatch')
    },
  )

  it.each([
    ['photo.php.jpg', PNG, 'photo.php.jpg.png'],
    ['a.jpg', WEBP, 'a.jpg.webp'],
    ['a.png', PNG, 'a.png'],
    ['A.PNG', PNG, 'A.PNG'],
    ['html', PNG, 'html.png'],
    ['.php', PNG, '.php.png'],
    ['photo', PNG, 'photo.png'],
    ['photo.', PNG, 'photo..png'],
  ])('E12, E13: %s stays, and the download gets the extension that fits', async (name, bytes, download) => {
    const { id, filename } = await server.accepts(post(form(file(bytes, name))))
    expect(filename).toBe(name)
    expect(await disposition(id)).toBe(`inline; filename="${download}"`)
  })

  it('E14: many times at once is as many media', async () => {
    const request = post(form(field('title', 'same'), file(PNG, 'same.png')))
    const many = await Promise.all(Array.from({ length: 100 }, () => server.accepts(request)))
    expect(new Set(many.map(({ id }) => id)).size).toBe(100)
    expect(new Set(many.map(({ url }) => url)).size).toBe(100)
    await server.settled()
    expect((await server.stored()).filter(({ title }) => title === 'same')).toHaveLength(100)
  })
})

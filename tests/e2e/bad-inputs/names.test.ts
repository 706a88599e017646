import { describe, expect, it } from 'vitest'
import { PNG } from '../../samples.ts'
import { type Accepted, serverForFile } from '../harness.ts'
import { type Bytes, concat, field, file, form, get, part, post } from '../multipart.ts'

const server = await serverForFile()

const WEBP = Buffer.from('UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==', 'base64')

const accepts = (filename: Bytes): Promise<Accepted> => server.accepts(post(form(file(PNG, filename))))

/** An upload whose file part has these parameters instead of `filename`. */
const postWith = (parameters: Bytes): Buffer =>
  post(form(part(concat('Content-Disposition: form-data; name="file"; ', parameters), PNG)))

const disposition = async (id: string): Promise<string> => {
  const { status, headers } = await server.exchange(get(`/media/${id}/content/`))
  expect(status).toBe(200)
  return headers['content-disposition'] ?? ''
}

describe('File names', () => {
  it.each([
    ['../../etc/passwd', 'passwd'],
    ['..\\..\\x', 'x'],
    ['C:\\x\\a.png', 'a.png'],
    ['\\\\srv\\s\\a', 'a'],
    ['/abs', 'abs'],
    ['a/../../b', 'b'],
    ['....//x', 'x'],
    ['..%2f..%2fx', '..%2f..%2fx'],
  ])('a file name is reduced to its last segment: %s', async (name, filename) => {
    expect(await accepts(name)).toMatchObject({ filename })
    for (const stored of await server.filesOnDisk()) expect(stored).toMatch(/^[0-9a-f-]{36}\.[0-9a-f]{18}$/)
  })

  it('a file name with NUL is refused with 400 malformed-multipart', () =>
    server.refuses(post(form(file(PNG, 'a.png\0.jpg')))))

  it('a file name with a percent-encoded NUL is kept as it is', async () => {
    expect(await accepts('a%00.png')).toMatchObject({ filename: 'a%00.png', title: 'a%00' })
  })

  it('line breaks are removed from a file name, and quotes are escaped in the header of a download', async () => {
    const broken = await accepts('a%0d%0aSet-Cookie:x.png')
    expect(broken).toMatchObject({ filename: 'aSet-Cookie:x.png', title: 'aSet-Cookie:x' })
    expect(await disposition(broken.id)).toBe('inline; filename="aSet-Cookie:x.png"')
    const quotes = await accepts('a%22; x=%22.png')
    expect(quotes).toMatchObject({ filename: 'a"; x=".png' })
    expect(await disposition(quotes.id)).toBe('inline; filename="a\\"; x=\\".png"')
  })

  it.each([
    ['photo\u202egnp.exe.png', 'photognp.exe.png'],
    ['\ufeffa\u200b.png', 'a.png'],
    ['a\u0085\u009bb.png', 'ab.png'],
    ['a\u2028b.png', 'ab.png'],
  ])('invisible characters are removed from a file name: %j', async (name, filename) => {
    expect(await accepts(name)).toMatchObject({ filename })
  })

  it.each([
    ['impossible bytes', Buffer.from([0x61, 0xff, 0xfe, 0x2e, 0x70, 0x6e, 0x67]), 'a��.png'],
    ['Latin-1', Buffer.from('Größe.png', 'latin1'), 'Gr��e.png'],
  ])('a file name that is not valid UTF-8 gets replacement characters: %s', async (_, bytes, filename) => {
    const media = await accepts(bytes)
    expect(media).toMatchObject({ filename })
    expect(await disposition(media.id)).toContain("filename*=UTF-8''")
  })

  it('a lone surrogate in a file name becomes a replacement character', async () => {
    const media = await server.accepts(postWith("filename*=UTF-8''a%ED%A0%80.png"))
    expect(media.filename).toMatch(/^a\ufffd+\.png$/)
    expect(await disposition(media.id)).toContain("filename*=UTF-8''a%EF%BF%BD")
  })

  it.each([
    ['5,000 bytes', `${'x'.repeat(5000)}.png`, `${'x'.repeat(251)}.png`],
    ['characters of 4 bytes', `${'😀'.repeat(100)}.png`, `${'😀'.repeat(62)}.png`],
    ['no extension', 'x'.repeat(5000), 'x'.repeat(255)],
  ])('a file name is cut to 255 bytes between two characters: %s', async (_, name, filename) => {
    expect(await accepts(name)).toMatchObject({ filename })
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
  ])('a file name that other systems treat specially is trimmed and otherwise kept: %j', async (name, filename) => {
    const media = await accepts(name)
    expect(media.filename).toBe(filename)
    expect(await disposition(media.id)).toContain('inline')
  })

  it('the parameter filename* is decoded and takes precedence over filename', async () => {
    expect(await server.accepts(postWith("filename*=UTF-8''Gr%C3%B6%C3%9Fe.png"))).toMatchObject({
      filename: 'Größe.png',
    })
    expect(await server.accepts(postWith('filename="a.png"; filename*=UTF-8\'\'..%2Fb.png'))).toMatchObject({
      filename: 'b.png',
    })
    expect(await server.accepts(postWith("filename*=iso-8859-1'de'%E4.png"))).toMatchObject({ filename: 'ä.png' })
  })

  it.each([
    "filename*=x-unknown''%E4.png",
    "filename*=UTF-8''%zz.png",
    "filename*=UTF-8''a%2",
    "filename*=UTF-8''",
    'filename*=a.png',
  ])('a filename* parameter that cannot be decoded is refused with 400 missing-file: %s', async (parameter) => {
    await server.refuses(postWith(parameter))
  })

  it('the first of two filename parameters is used', async () => {
    const media = await server.accepts(postWith('filename="a.png"; filename="b.exe"'))
    expect(media).toMatchObject({ filename: 'a.png', title: 'a' })
  })

  it('an encoded word (RFC 2047) in a file name is not decoded', async () => {
    const word = '=?UTF-8?B?YS5wbmc=?='
    expect(await accepts(word)).toMatchObject({ filename: word })
  })

  it('a file name is normalized to NFC and may be used by several media items', async () => {
    const [one, other] = [await accepts('Gr\u00f6\u00dfe.png'), await accepts('Gro\u0308\u00dfe.png')]
    expect([one.filename, other.filename]).toEqual(['Gr\u00f6\u00dfe.png', 'Gr\u00f6\u00dfe.png'])
    expect(one.id).not.toBe(other.id)
    expect(await accepts('a．png')).toMatchObject({ filename: 'a．png', title: 'a．png' })
    expect(await accepts('раypal.png')).toMatchObject({ filename: 'раypal.png' })
  })

  it.each(['photo.jpg.php', 'x.svg', 'x.html', 'x.HTM', 'x.js', 'x.exe', 'x.sh', 'x.php\u200b', 'a/x.svg'])(
    'a file with the extension of another type is refused with 415 extension-mismatch: %s',
    async (name) => {
      await server.refuses(post(form(file(PNG, name))))
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
  ])(
    'a file name is kept, and a download gets the extension of the type if it has another or none: %s',
    async (name, bytes, download) => {
      const { id, filename } = await server.accepts(post(form(file(bytes, name))))
      expect(filename).toBe(name)
      expect(await disposition(id)).toBe(`inline; filename="${download}"`)
    },
  )

  it('100 simultaneous uploads of the same form store 100 media items', async () => {
    const request = post(form(field('title', 'same'), file(PNG, 'same.png')))
    const all = await Promise.all(Array.from({ length: 100 }, () => server.accepts(request)))
    expect(new Set(all.map(({ id }) => id)).size).toBe(100)
    expect(new Set(all.map(({ url }) => url)).size).toBe(100)
    await server.untilSettled()
    expect((await server.stored()).filter(({ title }) => title === 'same')).toHaveLength(100)
  })
})

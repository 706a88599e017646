import { supportedMimeTypes } from 'file-type'
import { describe, expect, it } from 'vitest'
import {
  acceptType,
  type ContentType,
  DEFAULT_TYPES,
  downloadName,
  isRasterImage,
  KNOWN_TYPES,
} from '../../src/domain/values/content-type.ts'
import { parseFileName } from '../../src/domain/values/file-name.ts'
import { memoryPorts } from '../../src/main/memory-ports.ts'
import { GIF, JPEG, noise, PDF, PNG } from '../samples.ts'

const name = (raw: string) => parseFileName(raw)._unsafeUnwrap()
const png = 'image/png' as ContentType
const svg = 'image/svg+xml' as ContentType

describe('acceptType accepts', () => {
  it.each([
    ['photo.png', 'the extension of its type'],
    ['photo.jpg', 'the extension of another image type'],
    ['photo', 'no extension'],
    ['photo.', 'an empty extension'],
    ['photo.unknown', 'an unknown extension'],
    ['photo.html.png', 'an active extension that is not the last'],
    ['.php', 'a leading dot only'],
  ])('the PNG %s (%s)', (raw) => {
    expect(acceptType('image/png', name(raw), DEFAULT_TYPES)._unsafeUnwrap()).toBe('image/png')
  })

  it('an active type with its own extension if the policy allows it', () => {
    expect(acceptType(svg, name('a.SVG'), [svg])._unsafeUnwrap()).toBe(svg)
  })
})

describe('acceptType rejects', () => {
  it.each(['html', 'HTM', 'xhtml', 'svg', 'svgz', 'xml', 'js', 'mjs', 'wasm', 'php', 'php5', 'phtml', 'phar', 'asp'])(
    'a PNG whose name ends in .%s',
    (suffix) => {
      const error = acceptType('image/png', name(`photo.jpg.${suffix}`), DEFAULT_TYPES)._unsafeUnwrapErr()
      expect(error).toEqual({ type: 'extension-mismatch', extension: suffix.toLowerCase() })
    },
  )

  it.each([
    'aspx',
    'jsp',
    'cgi',
    'exe',
    'dll',
    'com',
    'scr',
    'msi',
    'bat',
    'cmd',
    'ps1',
    'vbs',
    'hta',
    'jar',
    'sh',
    'lnk',
  ])('a PDF whose name ends in .%s', (extension) => {
    const error = acceptType('application/pdf', name(`a.${extension}`), DEFAULT_TYPES)._unsafeUnwrapErr()
    expect(error).toEqual({ type: 'extension-mismatch', extension })
  })

  it.each([undefined, '', 'text/html', 'image/svg+xml', 'application/zip', 'application/x-elf', 'IMAGE/PNG'])(
    'bytes of the type "%s"',
    (found) => {
      const error = acceptType(found, name('a.png'), DEFAULT_TYPES)._unsafeUnwrapErr()
      expect(error).toEqual({ type: 'unsupported-file-type', found })
    },
  )

  it('a type that the policy does not allow', () => {
    const error = acceptType('image/png', name('a.png'), ['image/gif' as ContentType])._unsafeUnwrapErr()
    expect(error).toEqual({ type: 'unsupported-file-type', found: 'image/png' })
  })
})

describe('Content types', () => {
  it('are allowed by default, except SVG and archives', () => {
    expect(DEFAULT_TYPES).toContain('image/jpeg')
    expect(DEFAULT_TYPES).toContain('application/pdf')
    expect(KNOWN_TYPES.filter((type) => !DEFAULT_TYPES.includes(type)).toSorted()).toEqual([
      'application/gzip',
      'application/x-7z-compressed',
      'application/x-rar-compressed',
      'application/x-tar',
      'application/zip',
      'image/svg+xml',
    ])
  })

  it('that are known can be detected, except SVG', () => {
    expect(KNOWN_TYPES.filter((type) => type !== svg && !supportedMimeTypes.has(type))).toEqual([])
  })

  it.each([
    ['image/png', true],
    ['image/jpeg', true],
    ['image/gif', true],
    ['image/webp', true],
    ['image/avif', true],
    ['image/svg+xml', false],
    ['image/tiff', false],
    ['application/pdf', false],
    ['text/html', false],
    ['image/png; x', false],
  ])('such as %s are raster images: %s', (type, shown) => {
    expect(isRasterImage(type as ContentType)).toBe(shown)
  })

  it.each([
    ['a picture', PNG, 'image/png'],
    ['a photo', JPEG, 'image/jpeg'],
    ['an animation', GIF, 'image/gif'],
    ['a document', PDF, 'application/pdf'],
    ['a drawing', Buffer.from('<?xml version="1.0"?>\n<!-- x --><svg xmlns="http://www.w3.org/2000/svg"/>'), svg],
    ['noise', noise(5000), undefined],
    ['a page', Buffer.from('<!doctype html><script>alert(1)</script>'), undefined],
    ['text', Buffer.from('hello'), undefined],
    ['one byte', Buffer.from([0xff]), undefined],
  ])('are detected from the first bytes: %s', async (_, head, type) => {
    expect(await memoryPorts().sniff(head)).toBe(type)
  })
})

describe('The download name', () => {
  it.each([
    ['photo.png', 'photo.png'],
    ['photo.PNG', 'photo.PNG'],
    ['photo.jpg', 'photo.jpg.png'],
    ['photo', 'photo.png'],
    ['.png', '.png.png'],
    ['page.html', 'page.html.png'],
  ])('of %s, a PNG, is %s', (filename, expected) => {
    expect(downloadName(name(filename), png)).toBe(expected)
  })

  it.each([
    ['photo.jpeg', 'image/jpeg', 'photo.jpeg'],
    ['photo', 'image/jpeg', 'photo.jpg'],
    ['sound.m4a', 'audio/x-m4a', 'sound.m4a'],
    ['what', 'application/unknown', 'what.bin'],
  ])('of %s with the type %s is %s', (filename, type, expected) => {
    expect(downloadName(name(filename), type as ContentType)).toBe(expected)
  })
})

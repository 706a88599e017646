import { execFile } from 'node:child_process'
import { open } from 'node:fs/promises'
import { basename } from 'node:path'
import { promisify } from 'node:util'
import { fileTypeFromFile } from 'file-type'
import { ResultAsync } from 'neverthrow'
import { describe, expect, it, onTestFinished } from 'vitest'
import { SandboxedExtraction } from '../../src/adapters/extraction/sandboxed-extraction.ts'
import type { Metadata } from '../../src/domain/metadata.ts'
import type { ContentType } from '../../src/domain/values/content-type.ts'

interface ExifToolFields {
  readonly SourceFile: string
  readonly [name: string]: string | number | undefined
}

const FIELDS: Readonly<Record<string, (metadata: Metadata) => string | number | undefined>> = {
  Make: ({ camera }) => camera?.make,
  Model: ({ camera }) => camera?.model,
  DateTimeOriginal: ({ takenAt }) => takenAt?.slice(0, 19),
  ExposureTime: ({ exposure }) => exposure?.time,
  FNumber: ({ exposure }) => exposure?.fNumber,
  ISO: ({ exposure }) => exposure?.iso,
  FocalLength: ({ exposure }) => exposure?.focalLength,
  Orientation: ({ orientation }) => orientation,
  ImageWidth: ({ width }) => width,
  ImageHeight: ({ height }) => height,
}
/** The minimum share of equal fields. */
const ENOUGH = 0.98
/** The paths, one per line: tests/photos/run.sh. */
const photos = process.env['PHOTOS']?.split('\n') ?? []

describe('The metadata of photographs', () => {
  it('agrees with that of ExifTool', { timeout: 300_000 }, async ({ annotate }) => {
    expect(photos, 'PHOTOS').not.toEqual([])
    const extraction = new SandboxedExtraction()
    onTestFinished(() => extraction.close())
    const compared: { name: string; difference: string }[] = []
    const references = await readWithExifTool(photos)
    for (const reference of references) {
      const metadata = await read(reference.SourceFile, extraction)
      for (const [name, valueOf] of Object.entries(FIELDS)) {
        const expected = normalise(reference[name])
        // Only fields that ExifTool has are counted.
        if (expected === undefined) continue
        const actual = normalise(valueOf(metadata))
        const text = `${basename(reference.SourceFile)}: ${name} is ${expected}, not ${actual} (${metadata.status})`
        compared.push({ name, difference: isSame(expected, actual) ? '' : text })
      }
    }
    const differences = compared.filter(({ difference }) => difference !== '')
    for (const { difference } of differences) await annotate(difference)
    for (const [name, fields] of Map.groupBy(compared, ({ name }) => name))
      await annotate(`${name}: ${fields.filter(({ difference }) => difference === '').length} of ${fields.length}`)
    const makers = new Set(references.flatMap(({ Make }) => (Make ? String(Make).toUpperCase().split(' ')[0] : [])))
    const equal = `${compared.length - differences.length} of ${compared.length} fields agree`
    await annotate(`${photos.length} photographs of ${makers.size} makers: ${equal}`)
    expect(1 - differences.length / compared.length).toBeGreaterThanOrEqual(ENOUGH)
  })
})

/** Reads raw values, and only of the standard groups, so that no maker note is taken for a field. */
async function readWithExifTool(paths: readonly string[]): Promise<readonly ExifToolFields[]> {
  const names = Object.keys(FIELDS).map((name) => `-${name.startsWith('Image') ? 'File' : 'EXIF'}:${name}`)
  const { stdout } = await promisify(execFile)('exiftool', ['-j', '-n', ...names, ...paths])
  return JSON.parse(stdout) as ExifToolFields[]
}

async function read(photo: string, extraction: SandboxedExtraction): Promise<Metadata> {
  const file = await open(photo)
  try {
    const { size } = await file.stat()
    const contentType = ((await fileTypeFromFile(photo))?.mime ?? '') as ContentType
    const described = await extraction.extract({
      contentType,
      size,
      read: ({ start, end }) =>
        ResultAsync.fromSafePromise(
          file.read(Buffer.alloc(end - start + 1), 0, end - start + 1, start).then(({ buffer }) => buffer),
        ),
    })
    return described._unsafeUnwrap()
  } finally {
    await file.close()
  }
}

/** Normalises a value: no surrounding blanks, dates without separators. A blank or zero is no value. */
function normalise(value: string | number | undefined): string | number | undefined {
  if (typeof value !== 'string') return value === 0 ? undefined : value
  const text = value.trim().replace(/^(\d{4}).(\d\d).(\d\d).(\d\d:\d\d:\d\d)$/, '$1-$2-$3 $4')
  return /[^\s:]/.test(text) && !text.startsWith('0000') ? text : undefined
}

function isSame(expected: string | number, actual: string | number | undefined): boolean {
  return typeof expected === 'number' && typeof actual === 'number'
    ? Math.abs(expected - actual) <= Math.abs(expected) * 1e-6
    : String(expected) === String(actual)
}

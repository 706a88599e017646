/**
 * Compares the metadata that mediaport reads from photographs with that of ExifTool:
 *
 *   node tests/photos/compare.ts PHOTO…
 *
 * Prints the number of equal fields, and each difference. Only fields that ExifTool has are counted.
 */
import { execFile } from 'node:child_process'
import { open } from 'node:fs/promises'
import { basename } from 'node:path'
import { promisify } from 'node:util'
import { fileTypeFromFile } from 'file-type'
import { ResultAsync } from 'neverthrow'
import { SandboxedExtraction } from '../../src/adapters/extraction/sandboxed-extraction.ts'
import type { Metadata } from '../../src/domain/metadata.ts'
import type { ContentType } from '../../src/domain/values/content-type.ts'

interface ExifToolFields {
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

const photos = process.argv.slice(2)
const extraction = new SandboxedExtraction()
const matches = new Map(Object.keys(FIELDS).map((name) => [name, { agree: 0, all: 0 }]))
const makers = new Set<string>()
const misses: string[] = []
for (const photo of photos) {
  const [reference, metadata] = [await readWithExifTool(photo), await read(photo)]
  if (reference['Make'] !== undefined) makers.add(String(reference['Make']).toUpperCase().split(' ')[0] ?? '')
  for (const [name, actual] of Object.entries(FIELDS)) {
    const expected = normalise(reference[name])
    const count = matches.get(name)
    if (expected === undefined || !count) continue
    count.all++
    if (isSame(expected, normalise(actual(metadata)))) count.agree++
    else misses.push(`${basename(photo)}: ${name} is ${expected}, not ${actual(metadata)} (${metadata.status})`)
  }
}
await extraction.close()

for (const miss of misses) console.log(miss)
/** The minimum share of equal fields. The differences are printed above. */
const ENOUGH = 0.98
const total = { agree: 0, all: 0 }
for (const [name, { agree, all }] of matches) {
  console.log(`${name.padEnd(18)}${agree} of ${all}`)
  total.agree += agree
  total.all += all
}
console.log(
  `${photos.length} photographs of ${makers.size} makers: ${total.agree} of ${total.all} fields agree, ${((total.agree / total.all) * 100).toFixed(1)} %`,
)
if (total.all === 0 || total.agree < total.all * ENOUGH) process.exitCode = 1

/** Reads raw values, and only of the standard groups, so that no maker note is taken for a field. */
async function readWithExifTool(photo: string): Promise<ExifToolFields> {
  const names = Object.keys(FIELDS).map((name) => `-${name.startsWith('Image') ? 'File' : 'EXIF'}:${name}`)
  const { stdout } = await promisify(execFile)('exiftool', ['-j', '-n', ...names, photo])
  const [fields = {}] = JSON.parse(stdout) as ExifToolFields[]
  return fields
}

async function read(photo: string): Promise<Metadata> {
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

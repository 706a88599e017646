import { execFile } from 'node:child_process'
import { open } from 'node:fs/promises'
import { basename } from 'node:path'
import { promisify } from 'node:util'
import { fileTypeFromFile } from 'file-type'
import { ResultAsync } from 'neverthrow'
import { SandboxedExtraction } from '../../src/adapters/extraction/sandboxed-extraction.ts'
import type { Metadata } from '../../src/domain/metadata.ts'
import type { ContentType } from '../../src/domain/values/content-type.ts'

/**
 * Compares what we read from photographs with what ExifTool reads: `node tests/photos/compare.ts PHOTO…`. Prints how many
 * fields agree, and each that does not; a field counts where ExifTool has it.
 */
interface Judged {
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
  const [judged, metadata] = [await judge(photo), await read(photo)]
  if (judged['Make'] !== undefined) makers.add(String(judged['Make']).toUpperCase().split(' ')[0] ?? '')
  for (const [name, ours] of Object.entries(FIELDS)) {
    const expected = normal(judged[name])
    const count = matches.get(name)
    if (expected === undefined || !count) continue
    count.all++
    if (isSame(expected, normal(ours(metadata)))) count.agree++
    else misses.push(`${basename(photo)}: ${name} is ${expected}, and not ${ours(metadata)} (${metadata.status})`)
  }
}
await extraction.close()

for (const miss of misses) console.log(miss)
/** Enough for real photographs; what remains is printed above. */
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

/** Raw values; `ExifIFD` and its kind first, so that no maker's note is taken for a field. */
async function judge(photo: string): Promise<Judged> {
  const names = Object.keys(FIELDS).map((name) => `-${name.startsWith('Image') ? 'File' : 'EXIF'}:${name}`)
  const { stdout } = await promisify(execFile)('exiftool', ['-j', '-n', ...names, photo])
  const [judged = {}] = JSON.parse(stdout) as Judged[]
  return judged
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

/** As both would write it: no blanks around it, dates without their separators; a blank, or zero, is no value. */
function normal(value: string | number | undefined): string | number | undefined {
  if (typeof value !== 'string') return value === 0 ? undefined : value
  const text = value.trim().replace(/^(\d{4}).(\d\d).(\d\d).(\d\d:\d\d:\d\d)$/, '$1-$2-$3 $4')
  return /[^\s:]/.test(text) && !text.startsWith('0000') ? text : undefined
}

function isSame(expected: string | number, ours: string | number | undefined): boolean {
  return typeof expected === 'number' && typeof ours === 'number'
    ? Math.abs(expected - ours) <= Math.abs(expected) * 1e-6
    : String(expected) === String(ours)
}

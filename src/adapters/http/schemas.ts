import { z } from 'zod'
import { CODES, summary } from './problem.ts'

/** What goes in and out over HTTP. The schemas validate, type the answers, and become the OpenAPI document. */

export const MediaId = z
  .uuid()
  .meta({ description: 'A UUID, lower case', example: '01a20712-704d-7006-b9dc-23e57664e313' })

export const MediaPath = z.object({ id: MediaId })

export const Media = z
  .object({
    id: MediaId,
    filename: z.string().meta({
      description: 'The name it came with: the last part of a path, without control characters',
      example: 'photo.jpg',
    }),
    file_id: z.string().meta({
      description: "The storage's own name for the file",
      example: '01a20712-704d-7006-b9dc-23e57664e313.7a7886d563217762',
    }),
    url: z.url().meta({
      description: 'Where its bytes are',
      example: 'http://127.0.0.1:8000/media/01a20712-704d-7006-b9dc-23e57664e313/content/',
    }),
    mime_type: z.string().meta({ description: 'What its bytes are, whatever its sender said', example: 'image/jpeg' }),
    size_bytes: z.int().positive().meta({ example: 18372 }),
    created_at: z.iso.datetime().meta({ example: '2026-11-23T06:22:58.646Z' }),
    title: z
      .string()
      .min(1)
      .meta({ description: 'Unless given, the file name without its extension', example: 'Été à Nice' }),
    tags: z
      .array(z.string())
      .max(32)
      .readonly()
      .meta({ example: ['summer', 'sea'] }),
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .meta({
        description: 'Of the bytes, in hexadecimal',
        example: 'b9d1c9d9a9a60b962081a1bce9d8659d12f0d0db492b6f6fc95b367830878341',
      }),
    version: z
      .int()
      .positive()
      .meta({ description: 'Grows with every change of title or tags, and when the file is moved', example: 1 }),
  })
  .meta({ id: 'Media', description: 'A file and what is known about it' })

export const Title = Media.pick({ id: true, title: true, tags: true }).meta({
  id: 'Title',
  description: 'What a media is called; may be a minute old',
})

const whole = (description: string) => z.int().positive().optional().meta({ description })
const known = z.number().optional()
const word = z.string().optional()

export const Metadata = z
  .object({
    status: z.enum(['pending', 'ready', 'partial', 'none', 'failed']).meta({
      description:
        '`pending`: not read yet; `ready`: read in full; `partial`: the rest was damaged or beyond the limits; `none`: the file has no tags; `failed`: nothing could be read',
    }),
    reason: word.meta({ description: 'Why it is partial or failed' }),
    format: word.meta({ example: 'jpeg' }),
    width: whole('Pixels as they are stored, before `orientation` is applied'),
    height: whole('Pixels as they are stored, before `orientation` is applied'),
    orientation: z.int().min(1).max(8).optional().meta({ description: 'As in EXIF (CIPA DC-008, tag 274)' }),
    colour: word.meta({ example: 'rgb' }),
    duration_seconds: known,
    pages: whole('Of a document'),
    camera: z.object({ make: word, model: word, lens: word }).optional(),
    exposure: z
      .object({
        time: known.meta({ description: 'Seconds' }),
        f_number: known,
        iso: known,
        focal_length: known.meta({ description: 'Millimetres' }),
      })
      .optional(),
    taken_at: word.meta({
      description: 'RFC 3339; without an offset where the file has none',
      example: '2026-11-23T10:00:00+01:00',
    }),
    location: z
      .object({ latitude: z.number(), longitude: z.number(), altitude: known })
      .optional()
      .meta({ description: 'Only where the server was told to show it' }),
    tags: z
      .record(z.string(), z.unknown())
      .optional()
      .meta({ description: 'EXIF, IPTC, XMP and their kind as they were read' }),
  })
  .meta({ id: 'Metadata', description: 'What a file says of itself; what it does not say is left out' })

export const Page = z
  .object({
    items: z.array(Media),
    next: z.string().nullable().meta({ description: 'The cursor of the next page; null on the last' }),
  })
  .meta({ id: 'Page', description: 'Some media, newest first' })

export const ListQuery = z.strictObject({
  limit: z
    .string()
    .regex(/^\d{1,4}$/)
    .transform(Number)
    .optional()
    .meta({ description: 'How many', override: { type: 'integer', minimum: 1, maximum: 100, default: 20 } }),
  cursor: z.string().optional().meta({ description: '`next` of the page before, asked with the same tag' }),
  tag: z.string().optional().meta({ description: 'Only media with this tag', example: 'summer' }),
})

export const Changes = z
  .strictObject({
    title: z
      .string()
      .max(1000)
      .optional()
      .meta({ description: 'One line of 1 to 200 characters', example: 'Été à Nice' }),
    // Looser than what a tag may be, so that the error can say what is wrong; tight enough to be parsed in no time.
    tags: z
      .array(z.string().max(1000))
      .max(100)
      .optional()
      .meta({ description: 'All of them: up to 32, each of 1 to 64 characters' }),
  })
  .meta({ id: 'Changes', description: 'What is not named stays as it is' })

/** multer parses the form, so this only describes it. */
export const UploadForm = z.object({
  file: z.string().meta({ description: 'The file, with its name', override: { format: 'binary' } }),
  title: z
    .string()
    .max(200)
    .optional()
    .meta({ description: 'One line. Unless given, the file name without its extension', example: 'Été à Nice' }),
  tags: z.string().optional().meta({
    description: 'Up to 32 words of up to 64 characters, separated by commas; may be repeated',
    example: 'summer, sea',
  }),
  sha256: z
    .string()
    .optional()
    .meta({ description: 'The SHA-256 of the bytes in hexadecimal: other bytes are refused', example: '' }),
})

const Check = z.enum(['up', 'down', 'starting'])

export const Health = z
  .object({
    status: z.enum(['ok', 'degraded', 'starting', 'down']).meta({ example: 'ok' }),
    checks: z.record(z.string(), Check).meta({ example: { database: 'up', storage: 'up' } }),
  })
  .meta({ id: 'Health', description: 'What works and what does not' })

export const Ping = z.object({ message: z.literal('pong') }).meta({ id: 'Ping' })

export const Problem = z
  .object({
    type: z
      .enum(CODES.map((code) => summary(code).type))
      .meta({ description: 'Its last part is a code that does not change' }),
    title: z.string(),
    status: z.int().min(400).max(599),
    detail: z.string().optional().meta({ description: 'What is wrong with this very request, and what to do' }),
    dependency: z.enum(['database', 'storage']).optional().meta({ description: 'What does not answer' }),
    request_id: z.uuid().meta({ description: 'Also in the header X-Request-Id, and in the log' }),
  })
  .meta({ id: 'Problem', description: 'An error (RFC 9457)' })

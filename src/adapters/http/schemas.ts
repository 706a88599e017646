import { z } from 'zod'
import {
  DEFAULT_PAGE_ITEMS,
  MAX_PAGE_ITEMS,
  MAX_TAG_CHARACTERS,
  MAX_TAGS,
  MAX_TITLE_CHARACTERS,
} from '../../domain/values/limits.ts'
import { CODES, summary } from './problem.ts'

// Schemas of requests and answers. They validate requests, give the types, and are part of the OpenAPI document.

export const MediaId = z
  .uuid()
  .meta({ description: 'A UUID in lower case', example: '01a20712-704d-7006-b9dc-23e57664e313' })

export const MediaPath = z.object({ id: MediaId })

export const Media = z
  .object({
    id: MediaId,
    filename: z.string().meta({
      description: 'The name of the uploaded file: the last part of its path, without control characters',
      example: 'photo.jpg',
    }),
    file_id: z.string().meta({
      description: "The storage's identifier of the file",
      example: '01a20712-704d-7006-b9dc-23e57664e313.7a7886d563217762',
    }),
    url: z.url().meta({
      description: 'The address of the file',
      example: 'http://127.0.0.1:8000/media/01a20712-704d-7006-b9dc-23e57664e313/content/',
    }),
    mime_type: z
      .string()
      .meta({ description: 'The media type, recognised by the first bytes of the file', example: 'image/jpeg' }),
    size_bytes: z.int().positive().meta({ example: 18372 }),
    created_at: z.iso.datetime().meta({ example: '2026-11-23T06:22:58.646Z' }),
    title: z
      .string()
      .min(1)
      .meta({ description: 'By default the file name without its extension', example: 'Été à Nice' }),
    tags: z
      .array(z.string())
      .max(MAX_TAGS)
      .readonly()
      .meta({ example: ['summer', 'sea'] }),
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .meta({
        description: 'The SHA-256 of the file in hexadecimal',
        example: 'b9d1c9d9a9a60b962081a1bce9d8659d12f0d0db492b6f6fc95b367830878341',
      }),
    version: z.int().positive().meta({
      description: 'Grows by 1 with each change of title or tags, and when the file is moved to another storage',
      example: 1,
    }),
  })
  .meta({ id: 'Media', description: 'A stored file and its properties' })

export const Title = Media.pick({ id: true, title: true, tags: true }).meta({
  id: 'Title',
  description: 'The title and tags of a media item. They may be a minute old',
})

const optionalInteger = (description: string) => z.int().positive().optional().meta({ description })
const optionalNumber = z.number().optional()
const optionalText = z.string().optional()

export const Metadata = z
  .object({
    status: z.enum(['pending', 'ready', 'partial', 'none', 'failed']).meta({
      description:
        '`pending`: not read yet; `ready`: complete; `partial`: the rest is damaged or exceeds the limits; `none`: the file has no metadata; `failed`: the file could not be read',
    }),
    reason: optionalText.meta({ description: 'Why the status is partial or failed' }),
    format: optionalText.meta({ example: 'jpeg' }),
    width: optionalInteger('Pixels, before `orientation` is applied'),
    height: optionalInteger('Pixels, before `orientation` is applied'),
    orientation: z.int().min(1).max(8).optional().meta({ description: 'As in EXIF (CIPA DC-008, tag 274)' }),
    colour: optionalText.meta({ example: 'rgb' }),
    duration_seconds: optionalNumber,
    pages: optionalInteger('Pages of a document'),
    camera: z.object({ make: optionalText, model: optionalText, lens: optionalText }).optional(),
    exposure: z
      .object({
        time: optionalNumber.meta({ description: 'Seconds' }),
        f_number: optionalNumber,
        iso: optionalNumber,
        focal_length: optionalNumber.meta({ description: 'Millimetres' }),
      })
      .optional(),
    taken_at: optionalText.meta({
      description: 'RFC 3339. Without an offset if the file has none',
      example: '2026-11-23T10:00:00+01:00',
    }),
    location: z
      .object({ latitude: z.number(), longitude: z.number(), altitude: optionalNumber })
      .optional()
      .meta({ description: 'Only if METADATA_LOCATION is public' }),
    tags: z
      .record(z.string(), z.unknown())
      .optional()
      .meta({ description: 'The tags of EXIF, IPTC, XMP and other formats, as in the file' }),
  })
  .meta({ id: 'Metadata', description: 'The technical metadata of a file. Unknown values are absent' })

export const Page = z
  .object({
    items: z.array(Media),
    next: z.string().nullable().meta({ description: 'The cursor of the next page. Null on the last page' }),
  })
  .meta({ id: 'Page', description: 'A page of media items, newest first' })

export const ListQuery = z.strictObject({
  limit: z
    .string()
    .regex(/^\d{1,4}$/)
    .transform(Number)
    .optional()
    .meta({
      description: 'The number of items',
      override: { type: 'integer', minimum: 1, maximum: MAX_PAGE_ITEMS, default: DEFAULT_PAGE_ITEMS },
    }),
  cursor: z.string().optional().meta({ description: '`next` of the previous page, with the same tag' }),
  tag: z.string().optional().meta({ description: 'Only media items with this tag', example: 'summer' }),
})

export const Changes = z
  .strictObject({
    title: z
      .string()
      .max(1000)
      .optional()
      .meta({ description: `One line of 1 to ${MAX_TITLE_CHARACTERS} characters`, example: 'Été à Nice' }),
    // Above the limits of the domain, so that the use case can explain its error. Still low enough to parse quickly.
    tags: z
      .array(z.string().max(1000))
      .max(100)
      .optional()
      .meta({ description: `The new list: up to ${MAX_TAGS} tags of 1 to ${MAX_TAG_CHARACTERS} characters` }),
  })
  .meta({ id: 'Changes', description: 'A property that is absent is not changed' })

/** Describes the form. multer parses it. */
export const UploadForm = z.object({
  file: z.string().meta({ description: 'The file, with its name', override: { format: 'binary' } }),
  title: z
    .string()
    .max(MAX_TITLE_CHARACTERS)
    .optional()
    .meta({ description: 'One line. By default the file name without its extension', example: 'Été à Nice' }),
  tags: z
    .string()
    .optional()
    .meta({
      description: `Up to ${MAX_TAGS} tags of up to ${MAX_TAG_CHARACTERS} characters, separated by commas. The field may be repeated`,
      example: 'summer, sea',
    }),
  sha256: z.string().optional().meta({
    description: 'The expected SHA-256 of the file in hexadecimal. A file with another one is refused',
    example: '',
  }),
})

export const UploadPolicy = z
  .object({
    max_file_size: z.int().positive().meta({ description: 'Bytes', example: 104857600 }),
    types: z
      .array(z.string())
      .readonly()
      .meta({ description: 'Media types', example: ['image/jpeg', 'image/png'] }),
  })
  .meta({ id: 'UploadPolicy', description: 'The limits of uploads' })

const Check = z.enum(['up', 'down', 'starting'])

export const Health = z
  .object({
    status: z.enum(['ok', 'degraded', 'starting', 'down']).meta({ example: 'ok' }),
    checks: z.record(z.string(), Check).meta({ example: { database: 'up', storage: 'up' } }),
  })
  .meta({ id: 'Health', description: 'The state of the server and of the services that it uses' })

export const Ping = z.object({ message: z.literal('pong') }).meta({ id: 'Ping' })

export const Problem = z
  .object({
    type: z
      .enum(CODES.map((code) => summary(code).type))
      .meta({ description: 'The last part is a code that does not change' }),
    title: z.string(),
    status: z.int().min(400).max(599),
    detail: z.string().optional().meta({ description: 'What is wrong with this request, and what to do' }),
    dependency: z
      .enum(['database', 'storage', 'identity-provider'])
      .optional()
      .meta({ description: 'The service that does not answer' }),
    request_id: z.uuid().meta({ description: 'The same as in the header X-Request-Id and in the log' }),
  })
  .meta({ id: 'Problem', description: 'An error (RFC 9457)' })

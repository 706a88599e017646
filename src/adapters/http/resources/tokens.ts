import { err, ok, type Result } from 'neverthrow'
import { z } from 'zod'
import { isOwner } from '../../../application/owner.ts'
import { type ContentType, KNOWN_TYPES } from '../../../domain/values/content-type.ts'
import { type Caller, type CallerLimits, ownerScope, SCOPES } from '../auth/caller.ts'
import { readJson } from '../json-body.ts'
import type { Links } from '../media-json.ts'
import type { HttpOptions } from '../options.ts'
import type { HttpRefusal } from '../problem.ts'
import { json, route } from '../route.ts'
import { MediaId, MediaPath } from '../schemas.ts'

const MAX_EXPIRES_IN_SECONDS = 604_800
const expiresIn = (defaultSeconds: number) =>
  z.int().min(1).max(MAX_EXPIRES_IN_SECONDS).default(defaultSeconds).meta({ description: 'Seconds' })

const KnownType = z
  .string()
  .refine((type): type is ContentType => KNOWN_TYPES.some((known) => known === type), {
    message: 'must be a media type that this server knows',
  })
  .meta({ override: { enum: [...KNOWN_TYPES] } })

const TokenRequest = z
  .strictObject({
    scopes: z
      .array(z.enum(SCOPES))
      .min(1)
      .meta({ example: ['upload'] }),
    expires_in: expiresIn(900),
    owner: z
      .string()
      .min(1)
      .max(255)
      .refine(isOwner)
      .optional()
      .meta({ description: 'Another owner needs the scope `admin`' }),
    max_file_size: z.int().positive().optional().meta({ description: 'Bytes' }),
    types: z.array(KnownType).min(1).optional().meta({ description: 'Media types' }),
    media: MediaId.optional().meta({ description: 'The only media item for which the token is valid' }),
  })
  .meta({ id: 'TokenRequest' })

const Token = z.object({ token: z.string(), expires_at: z.iso.datetime() }).meta({ id: 'Token' })

const LinkRequest = z
  .strictObject({
    expires_in: expiresIn(3600),
    disposition: z.enum(['inline', 'attachment']).optional().meta({ description: 'How a browser must show the file' }),
  })
  .meta({ id: 'LinkRequest' })

const Link = z.object({ url: z.url(), expires_at: z.iso.datetime() }).meta({ id: 'Link' })

const JSON_ERRORS = ['malformed-json', 'too-slow', 'too-large', 'unsupported-media-type', 'validation-error'] as const

export const tokenRoutes = (links: Links, { pace, tokens }: HttpOptions) => [
  route({
    method: 'post',
    path: '/tokens/',
    scope: 'delegate',
    operation: {
      summary: 'Create a token',
      description: 'A token for a browser or a phone. It never allows more than the credentials that create it.',
      tags: ['Access'],
      requestBody: { required: true, content: { 'application/json': { schema: TokenRequest } } },
      responses: { 201: json('The token, for `Authorization: Bearer`', Token) },
    },
    errors: JSON_ERRORS,
    async handle({ ctx, caller }) {
      const request = await readJson(ctx, TokenRequest, pace)
      if (request.isErr()) return err(request.error)
      const { scopes, owner = caller.owner, expires_in } = request.value
      const limits = narrowedLimits(request.value, caller)
      if (limits.isErr()) return err(limits.error)
      const expiresAt = expiryOf(expires_in, caller)
      const token = await tokens.sign({ owner, scopes, limits: { ...limits.value, expiresAt } })
      return ok({ status: 201, body: { token, expires_at: expiresAt.toISOString() } })
    },
  }),

  route({
    method: 'post',
    path: '/media/{id}/links/',
    scope: 'read',
    operation: {
      summary: 'Create a link',
      description: 'An address of the file that works without credentials until it expires.',
      tags: ['Access'],
      requestParams: { path: MediaPath },
      requestBody: { required: true, content: { 'application/json': { schema: LinkRequest } } },
      responses: { 201: json('The link', Link) },
    },
    errors: [...JSON_ERRORS, 'not-found'],
    async handle({ ctx, mediaport, caller }) {
      const request = await readJson(ctx, LinkRequest, pace)
      if (request.isErr()) return err(request.error)
      const media = await mediaport.getMedia(ctx['params'].id, { owner: ownerScope(caller) })
      if (media.isErr()) return err(media.error)
      const { id, owner } = media.value
      const { expires_in, disposition } = request.value
      const expiresAt = expiryOf(expires_in, caller)
      const token = await tokens.signLink({ owner, scopes: ['read'], limits: { media: id, disposition, expiresAt } })
      return ok({
        status: 201,
        body: { url: `${links.content(id)}?token=${token}`, expires_at: expiresAt.toISOString() },
      })
    },
  }),
]

/** The end of what a caller makes. Whole seconds, as in a token. */
function expiryOf(expiresInSeconds: number, { limits }: Caller): Date {
  const seconds = Math.ceil(Date.now() / 1000) + expiresInSeconds
  return new Date(Math.min(seconds * 1000, limits?.expiresAt?.getTime() ?? Number.POSITIVE_INFINITY))
}

/** Returns the limits of a token, or refuses one that would allow more than its maker may. */
function narrowedLimits(
  { owner, scopes, media, max_file_size, types }: z.infer<typeof TokenRequest>,
  caller: Caller,
): Result<CallerLimits, HttpRefusal<'forbidden'>> {
  const { maxFileSize, allowedTypes } = caller.limits ?? {}
  const missing = scopes.find((scope) => !caller.scopes.includes(scope))
  if (missing !== undefined) return forbidden(`The credentials lack the scope "${missing}".`)
  if (owner !== undefined && owner !== caller.owner && !caller.scopes.includes('admin'))
    return forbidden('A token for another owner needs the scope "admin".')
  if (max_file_size !== undefined && maxFileSize !== undefined && max_file_size > maxFileSize)
    return forbidden(`The credentials are for files of at most ${maxFileSize} bytes.`)
  if (types && allowedTypes && !types.every((type) => allowedTypes.includes(type)))
    return forbidden(`The credentials are for these types: ${allowedTypes.join(', ')}.`)
  return ok({
    media,
    maxFileSize: max_file_size ?? maxFileSize,
    allowedTypes: types ?? allowedTypes,
  })
}

const forbidden = (detail: string) => err({ type: 'forbidden', detail } as const)

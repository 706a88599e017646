import { fileURLToPath } from 'node:url'

export interface Target {
  readonly name: string
  readonly kind: 'limit' | 'peer' | 'mediaport'
  readonly label: string
  /** The script and its arguments. */
  readonly args: readonly string[]
  readonly variables?: Readonly<Record<string, string>>
  /** How an upload is sent to it. */
  readonly form: 'raw' | 'multipart' | 'tus'
  /** Where its rows are; `api` where only the server can read them. */
  readonly rows: 'media' | 'media_job' | 'api' | 'none'
  readonly keepsFiles: boolean
  /** `false`: the database is embedded. */
  readonly hasServer?: boolean
  /** Takes part only in workloads that name it. */
  readonly isSpecial?: boolean
  /** Whether it has MongoDB's protocol and Redis beside PostgreSQL. */
  readonly hasStores?: boolean
  /** The arguments of the double of ImageKit that it stores files in. */
  readonly imagekit?: readonly string[]
  /** Whether its answers name the digest of what it stored. */
  readonly digests: boolean
}

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
export const CLI = path('../../src/main/cli.ts')

const limit = (mode: string, label: string, rest: Partial<Target> = {}): Target => ({
  name: mode === 'nginx' ? mode : `bare-${mode}`,
  kind: 'limit',
  label,
  args: [path('targets/bare.ts'), mode],
  form: 'raw',
  rows: mode === 'insert' ? 'media' : 'none',
  keepsFiles: mode !== 'drain',
  digests: mode !== 'drain',
  ...rest,
})

const peer = (name: string, label: string, rest: Partial<Target> = {}): Target => ({
  name,
  kind: 'peer',
  label,
  args: [path(`targets/${name}.ts`)],
  form: 'multipart',
  rows: 'media',
  keepsFiles: true,
  digests: false,
  ...rest,
})

const mediaport = (
  name: string,
  label: string,
  variables: Record<string, string>,
  rest: Partial<Target> = {},
): Target => ({
  name,
  kind: 'mediaport',
  label,
  args: [CLI, 'serve'],
  variables: { MAX_FILE_SIZE: '4GiB', ...variables },
  form: 'multipart',
  rows: rest.hasServer === false ? 'api' : 'media_job',
  keepsFiles: true,
  digests: true,
  ...rest,
})

export const TARGETS: readonly Target[] = [
  limit('drain', 'node:http, body forgotten'),
  limit('file', 'node:http, file + SHA-256'),
  limit('insert', 'node:http, file + SHA-256 + INSERT'),
  limit('durable', 'node:http, as durable as mediaport', { args: [path('targets/bare-durable.ts')], rows: 'media' }),
  limit('durable-pglite', 'node:http, as durable as mediaport, PGlite', {
    args: [path('targets/bare-durable.ts')],
    hasServer: false,
    isSpecial: true,
  }),
  peer('koa-multer', 'Koa + @koa/multer'),
  peer('koa-multer-durable', 'Koa + @koa/multer, made durable', { digests: true }),
  peer('express-multer', 'Express + multer'),
  peer('fastify', 'Fastify + @fastify/multipart'),
  peer('tus', '@tus/server', { form: 'tus' }),
  mediaport('mediaport', 'mediaport, WORKER=off', { WORKER: 'off' }),
  mediaport('mediaport-inline', 'mediaport, worker inside', {}),
  mediaport('mediaport-pglite', 'mediaport, PGlite', {}, { hasServer: false }),
  mediaport('mediaport-imagekit', 'mediaport, ImageKit', { WORKER: 'off' }, { imagekit: [], keepsFiles: false }),
  mediaport(
    'mediaport-imagekit-slow',
    'mediaport, ImageKit that takes 20 MiB/s',
    { WORKER: 'off', UPLOAD_LEASE_SECONDS: '600' },
    { imagekit: [String(20 * 1024 * 1024)], keepsFiles: false, isSpecial: true },
  ),
  mediaport(
    'mediaport-stores',
    'mediaport, MongoDB and Redis beside',
    { WORKER: 'off' },
    { hasStores: true, isSpecial: true },
  ),
  limit('nginx', 'nginx', { args: [path('targets/nginx.ts')], isSpecial: true }),
]

export const labelOf = (name: string): string => TARGETS.find((target) => target.name === name)?.label ?? name

import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Readable, Transform, type Writable } from 'node:stream'
import multer, { type Options } from '@koa/multer'
import Router from '@koa/router'
import Koa, { type Context, HttpError, type Middleware, type Next } from 'koa'
import { closeAfterAnswer } from '../../src/adapters/http/linger.ts'
import { deleteFile, deleteFolder, list, purge, upload } from './api.ts'
import { deliver } from './delivery.ts'
import { disturb, type Fault, falsify, limitRate } from './faults.ts'
import { Library } from './library.ts'
import { EXPECTED, type Switches } from './switches.ts'

/** The state and the settings that the routes share. */
export interface Account {
  readonly library: Library
  /** May be changed at any time. */
  readonly switches: Switches
  readonly privateKey: string
  readonly urlEndpoint: string
  /** The size limits in bytes, by default those of the free plan [S]. `maxFile` applies to all files but videos. */
  readonly maxFile: number
  readonly maxVideo: number
  /** `upload` affects uploads; `api` affects the API and delivery. Set `undefined` to clear a fault. */
  readonly faults: { upload?: Fault | undefined; api?: Fault | undefined }
}

export type LocalImagekit = Awaited<ReturnType<typeof startLocalImagekit>>

export interface LocalOptions extends Partial<Pick<Account, 'maxFile' | 'maxVideo'>> {
  readonly switches?: Partial<Switches>
  /** `127.0.0.1` by default. Everyone who can connect can read and delete all files. */
  readonly host?: string
  readonly port?: number
  /** The origin that clients use, if it is not 127.0.0.1. */
  readonly url?: string | undefined
}

const UPLOAD = '/api/v1/files/upload'

/**
 * Starts a local server with the part of ImageKit's protocol that mediaport uses. It refuses what ImageKit refuses,
 * answers 501 to other requests, and can fail on demand.
 *
 * @example
 * const vendor = await startLocalImagekit({ switches: { listLag: 500 } })
 * vendor.faults.upload = { type: 'answer lost' }
 */
export async function startLocalImagekit(options: LocalOptions = {}) {
  const { host = '127.0.0.1', port = 0, maxFile = 25e6, maxVideo = 100e6 } = options
  const app = Object.assign(new Koa(), { silent: true })
  const server = createServer()
  await once(server.listen(port, host), 'listening')
  const url = options.url ?? `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const [privateKey, urlEndpoint] = ['private_local_0123456789', `${url}/local`]
  const switches = { ...EXPECTED, ...options.switches }
  const faults: Account['faults'] = {}
  const library = new Library(switches)
  const account: Account = { library, switches, privateKey, urlEndpoint, maxFile, maxVideo, faults }
  const directory = await mkdtemp(join(tmpdir(), 'mediaport-imagekit-'))
  const checkRate = limiter(switches)

  const api = new Router()
  api.post(UPLOAD, formReader(directory, account), (ctx) => upload(ctx, account))
  // Rate limits do not apply to uploads [S].
  api.use((ctx, next) => (checkRate(ctx), next()))
  api.get('/v1/files', (ctx) => list(ctx, account))
  api.delete('/v1/files/:fileId', (ctx) => deleteFile(ctx, account))
  api.delete('/v1/folder', (ctx) => deleteFolder(ctx, account))
  api.post('/v1/files/purge', (ctx) => purge(ctx, account))

  app.use((ctx, next) => answerErrors(ctx, next))
  app.use(async (ctx, next) => {
    const isDelivery = ctx.path.startsWith('/local/')
    if (!isDelivery) authenticate(ctx, privateKey)
    const fault = ctx.path === UPLOAD ? faults.upload : faults.api
    if (fault && (await disturb(ctx, fault))) return
    if (isDelivery) return deliver(ctx, ctx.url.slice('/local/'.length), account)
    await next()
    if (ctx.path === UPLOAD && fault) falsify(ctx, fault)
  })
  app.use(api.routes())
  app.use((ctx) => ctx.throw(501, `${ctx.method} ${ctx.path}`))
  const handle = app.callback()
  server.on('request', (req, res) => void handle(req, res))

  /** The variables that point mediaport at the server. */
  const variables = {
    IMAGEKIT_PRIVATE_KEY: privateKey,
    IMAGEKIT_URL_ENDPOINT: urlEndpoint,
    IMAGEKIT_UPLOAD_URL: url,
    IMAGEKIT_API_URL: url,
  }
  const close = async () => {
    server.closeAllConnections()
    server.close()
    await rm(directory, { recursive: true, force: true })
  }
  return { ...account, url, variables, close }
}

/** Answers an error as the API does: with `message` and `help` [S]. */
async function answerErrors(ctx: Context, next: Next): Promise<void> {
  ctx.set('X-Ik-RequestId', randomUUID())
  try {
    await next()
  } catch (error) {
    if (!(error instanceof HttpError)) throw error
    if (!ctx.req.complete) closeAfterAnswer(ctx.req, ctx.res)
    const note = error.status === 501 ? ' is not supported by the local ImageKit server. See docs/imagekit.md.' : ''
    ctx.status = error.status
    ctx.set(error.headers ?? {})
    ctx.body = { message: error.message + note, help: 'For support kindly contact us at support@imagekit.io .' }
  }
}

/** Basic authentication: the private key is the user; any password is accepted [S] [M]. */
function authenticate(ctx: Context, privateKey: string): void {
  const [, credentials] = /^Basic (.+)$/.exec(ctx.get('Authorization')) ?? []
  ctx.assert(credentials, 401, 'Your request does not contain private API key.')
  const [user] = Buffer.from(credentials, 'base64').toString().split(':')
  ctx.assert(user === privateKey, 403, 'Your account cannot be authenticated.')
}

/** @returns A function that throws if it is called more than `callsPerSecond` times in one second. */
function limiter(switches: Switches): (ctx: Context) => void {
  let [second, calls] = [0, 0]
  return (ctx) => {
    const { callsPerSecond: limit } = switches
    const now = performance.now()
    if (Math.floor(now / 1000) !== second) [second, calls] = [Math.floor(now / 1000), 0]
    if (limit > 0 && ++calls > limit) limitRate(ctx, limit, Math.ceil((second + 1) * 1000 - now))
  }
}

/** Reads a form to its end, because the order of its fields is free [S]. Writes its file into `directory`. */
function formReader(directory: string, { switches, faults }: Account): Middleware {
  const options: unknown = {
    dest: directory,
    limits: { files: 1 },
    streamHandler: (req: Readable, parser: Writable) => {
      const { upload: fault } = faults
      const source = fault?.type === 'slow receiver' ? req.pipe(throttle(fault.bytesPerSecond)) : req
      source.pipe(parser)
    },
  }
  const read = multer(options as Options).single('file')
  return async (ctx: Context, next) => {
    ctx.assert(switches.chunkedUploads || ctx.get('Content-Length'), 411, 'Length Required')
    const isForm = await Promise.resolve(read(ctx, async () => true)).catch(() => false)
    ctx.assert(isForm, 400, 'Your request is not a well-formed multipart form')
    await next()
  }
}

/** Passes bytes at a limited pace. */
const throttle = (bytesPerSecond: number): Transform =>
  new Transform({
    transform: (chunk: Buffer, _, done) => setTimeout(done, (chunk.length / bytesPerSecond) * 1000, null, chunk),
  })

import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { closeAfterAnswer } from '../../src/adapters/http/linger.ts'
import { ApiError, HELP, rateLimited, send } from './answers.ts'
import { deliver } from './delivery-route.ts'
import { disturb, type Fault } from './faults.ts'
import { type Account, Library } from './library.ts'
import { mediaApi } from './media-routes.ts'
import { EXPECTED, type Switches } from './switches.ts'
import { uploadFile } from './upload-route.ts'

export interface LocalImagekit extends Account {
  /** The origin of uploads, the API and delivery. */
  readonly url: string
  /** `upload` affects uploads; `api` affects the API and delivery. Set `undefined` to clear a fault. */
  readonly faults: { upload?: Fault | undefined; api?: Fault | undefined }
  /** May be changed at any time. */
  readonly switches: { -readonly [name in keyof Switches]: Switches[name] }
  close(): Promise<void>
}

export interface LocalOptions {
  readonly switches?: Partial<Switches>
  /** `127.0.0.1` by default. Everyone who can connect can read and delete all files. */
  readonly host?: string
  readonly port?: number
  /** The origin that clients use, if it is not 127.0.0.1. */
  readonly url?: string | undefined
  /** Bytes. By default the limits of the free plan [S]. */
  readonly maxFile?: number
  readonly maxVideo?: number
}

/**
 * Starts a local server with the part of ImageKit's protocol that mediaport uses. It refuses what ImageKit refuses,
 * answers 501 to other requests, and can fail on demand.
 *
 * @example
 * const vendor = await startLocalImagekit({ switches: { listLag: 500 } })
 * vendor.faults.upload = { type: 'answer lost' }
 */
export async function startLocalImagekit(options: LocalOptions = {}): Promise<LocalImagekit> {
  const { host = '127.0.0.1', port = 0, maxFile = 25e6, maxVideo = 100e6 } = options
  const privateKey = 'private_local_0123456789'
  const switches = { ...EXPECTED, ...options.switches }
  const directory = await mkdtemp(join(tmpdir(), 'mediaport-imagekit-'))
  const library = new Library(directory, () => switches.listLag)
  const faults: LocalImagekit['faults'] = {}
  const server = createServer((req, res) => void handle(req, res).catch(() => res.destroy()))
  await once(server.listen(port, host), 'listening')
  const url = options.url ?? `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const urlEndpoint = `${url}/local`
  const account: Account = { library, switches, privateKey, urlEndpoint, maxFile, maxVideo }
  const checkRate = limiter(() => switches.callsPerSecond)

  async function handle(req: IncomingMessage, res: ServerResponse): Promise<unknown> {
    const target = new URL(req.url ?? '/', url)
    const isUpload = req.method === 'POST' && target.pathname === '/api/v1/files/upload'
    const isDelivery = target.pathname.startsWith('/local/')
    const fault = isUpload ? faults.upload : faults.api
    try {
      if (!isDelivery) authenticate(req.headers.authorization, privateKey)
      if (fault && (await disturb(req, res, fault))) return
      if (isDelivery) return await deliver(req, res, (req.url ?? '').slice('/local/'.length), account)
      if (!isUpload) {
        // Rate limits do not apply to uploads [S].
        checkRate()
        return send(res, ...(await mediaApi(req, target, account)))
      }
      const answer = await uploadFile(req, account, fault)
      if (fault?.type === 'answer lost') return res.destroy()
      if (fault?.type === 'accepted') return send(res, 202, { message: 'Your request has been queued.' })
      send(res, 200, answer)
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      if (!req.complete) closeAfterAnswer(req, res)
      send(res, error.status, { message: error.message, help: HELP }, error.headers)
    }
  }

  const close = async () => {
    server.closeAllConnections()
    server.close()
    await rm(directory, { recursive: true, force: true })
  }
  return { ...account, url, faults, switches, close }
}

/** Basic authentication: the private key is the user; any password is accepted [S] [M]. */
function authenticate(header: string | undefined, privateKey: string): void {
  const [, credentials] = /^Basic (.+)$/.exec(header ?? '') ?? []
  if (credentials === undefined) throw new ApiError(401, 'Your request does not contain private API key.')
  const [user] = Buffer.from(credentials, 'base64').toString().split(':')
  if (user !== privateKey) throw new ApiError(403, 'Your account cannot be authenticated.')
}

/** @returns A function that throws if it is called more than `limit` times in one second. */
function limiter(limit: () => number): () => void {
  let [second, calls] = [0, 0]
  return () => {
    const now = performance.now()
    if (Math.floor(now / 1000) !== second) [second, calls] = [Math.floor(now / 1000), 0]
    if (limit() > 0 && ++calls > limit()) throw rateLimited(limit(), Math.ceil((second + 1) * 1000 - now))
  }
}

import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { performance } from 'node:perf_hooks'
import { closeAfterAnswer } from '../../src/adapters/http/linger.ts'
import type { Account } from './account.ts'
import { Refusal, send } from './answers.ts'
import { deliver } from './delivery-route.ts'
import { disturb, type Fault, rateLimited } from './faults.ts'
import { Library } from './library.ts'
import { mediaApi } from './media-routes.ts'
import { EXPECTED, type Switches } from './switches.ts'
import { noKey, uploadFile } from './upload-route.ts'

export interface LocalImagekit {
  /** Uploads, API and delivery are all below it. */
  readonly url: string
  readonly urlEndpoint: string
  readonly privateKey: string
  readonly publicKey: string
  readonly library: Library
  /** What goes wrong with uploads, or with the API and delivery, until it is cleared. */
  readonly faults: { upload?: Fault | undefined; api?: Fault | undefined }
  /** To be changed at any time. */
  readonly switches: { -readonly [name in keyof Switches]: Switches[name] }
  close(): Promise<void>
}

export interface LocalOptions {
  readonly switches?: Partial<Switches>
  /** Loopback unless told: whoever reaches it can read and delete everything. */
  readonly host?: string
  readonly port?: number
  /** Where readers reach it, when that is not 127.0.0.1. */
  readonly url?: string | undefined
  readonly privateKey?: string
  /** Bytes; of the free plan unless told [S]. */
  readonly maxFile?: number
  readonly maxVideo?: number
  /** How far the vendor's clock is ahead, in ms. */
  readonly clockOffset?: number
}

const MB = 1e6

/** A double of ImageKit: as strict as its documents say, and able to fail in every way that we fear. */
export async function startLocalImagekit(options: LocalOptions = {}): Promise<LocalImagekit> {
  const { host = '127.0.0.1', port = 0, privateKey = 'private_local_0123456789', clockOffset = 0 } = options
  const switches = { ...EXPECTED, ...options.switches }
  const library = await Library.open(() => switches.listLag)
  const faults: LocalImagekit['faults'] = {}
  const server = createServer((req, res) => void handle(req, res).catch(() => res.destroy()))
  await once(server.listen(port, host), 'listening')
  const url = options.url ?? `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const account: Account = {
    library,
    switches,
    privateKey,
    publicKey: 'public_local',
    urlEndpoint: `${url}/local`,
    maxFile: options.maxFile ?? 25 * MB,
    maxVideo: options.maxVideo ?? 100 * MB,
    now: () => Date.now() + clockOffset,
    usedTokens: new Set(),
  }
  const mayCall = limiter(() => switches.callsPerSecond)

  async function handle(req: IncomingMessage, res: ServerResponse): Promise<unknown> {
    const asked = new URL(req.url ?? '/', url)
    const isUpload = /^\/api\/v[12]\/files\/upload$/.test(asked.pathname) && req.method === 'POST'
    const isDelivery = asked.pathname.startsWith('/local/')
    const fault = isUpload ? faults.upload : faults.api
    try {
      const isKnown = !isDelivery && isServer(req.headers.authorization, privateKey)
      if (!isDelivery && !isUpload && !isKnown) throw noKey()
      if (fault && (await disturb(req, res, fault))) return
      if (isDelivery) return await deliver(req, res, (req.url ?? '').slice('/local/'.length), account)
      if (!isUpload) {
        // Uploads and delivery have no such limit [S].
        mayCall()
        const { status, body } = await mediaApi(req, asked, account, fault)
        return send(res, status, body)
      }
      const answer = await uploadFile(req, account, isKnown, fault)
      if (fault?.type === 'answer lost') return res.destroy()
      if (fault?.type === 'accepted') return send(res, 202, { message: 'Your request has been queued.' })
      send(res, 200, answer)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      // As servers do that want their answer to be read; the fault `reset` is for those that don't.
      if (!req.complete) closeAfterAnswer(req, res)
      send(res, error.status, error.body, error.headers)
    }
  }

  return {
    url,
    urlEndpoint: account.urlEndpoint,
    privateKey,
    publicKey: account.publicKey,
    library,
    faults,
    switches,
    close: async () => {
      server.closeAllConnections()
      server.close()
      await library.close()
    },
  }
}

/** Basic, the private key as user and any password; also without base64 [S][M]. Without credentials, a form may bring its own. */
function isServer(header: string | undefined, privateKey: string): boolean {
  const [, credentials] = /^Basic (.+)$/.exec(header ?? '') ?? []
  if (credentials === undefined) return false
  const [user] = Buffer.from(credentials, 'base64').toString().split(':')
  if (user !== privateKey && credentials !== privateKey) throw new Refusal(403, 'Your account cannot be authenticated.')
  return true
}

/** So many calls in a second, as by a clock. @returns throws when there were more. */
function limiter(limit: () => number): () => void {
  let [second, calls] = [0, 0]
  return () => {
    const now = performance.now()
    if (Math.floor(now / 1000) !== second) [second, calls] = [Math.floor(now / 1000), 0]
    if (limit() > 0 && ++calls > limit()) throw rateLimited(limit(), Math.ceil((second + 1) * 1000 - now))
  }
}

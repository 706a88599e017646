import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { closeAfterAnswer } from '../../src/adapters/http/linger.ts'
import { Refusal, send } from './answers.ts'
import { deliver } from './delivery-route.ts'
import { Library } from './library.ts'
import { mediaApi } from './media-routes.ts'
import { EXPECTED, type Fault, type Switches } from './switches.ts'
import { type Account, uploadFile } from './upload-route.ts'

export interface LocalImagekit {
  /** Uploads, API and delivery are all below it. */
  readonly url: string
  readonly urlEndpoint: string
  readonly privateKey: string
  readonly library: Library
  /** What goes wrong with uploads, or with the API and delivery, until it is cleared. */
  readonly faults: { upload?: Fault | undefined; api?: Fault | undefined }
  close(): Promise<void>
}

export interface LocalOptions {
  readonly switches?: Partial<Switches>
  readonly port?: number
  readonly privateKey?: string
  /** Bytes; of the free plan unless told [S]. */
  readonly maxFile?: number
  readonly maxVideo?: number
}

const MB = 1e6

/** A double of ImageKit on loopback: as strict as its documents say, and able to fail in every way that we fear. */
export async function startLocalImagekit(options: LocalOptions = {}): Promise<LocalImagekit> {
  const { port = 0, privateKey = 'private_local_0123456789', maxFile = 25 * MB, maxVideo = 100 * MB } = options
  const switches = { ...EXPECTED, ...options.switches }
  const library = await Library.open(() => switches.listLag)
  const faults: LocalImagekit['faults'] = {}
  const server = createServer((req, res) => void handle(req, res).catch(() => res.destroy()))
  await once(server.listen(port, '127.0.0.1'), 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const account: Account = { library, switches, maxFile, maxVideo, urlEndpoint: () => `${url}/local` }

  async function handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const asked = new URL(req.url ?? '/', url)
    const isUpload = asked.pathname === '/api/v1/files/upload' && req.method === 'POST'
    const isDelivery = asked.pathname.startsWith('/local/')
    const fault = isUpload ? faults.upload : faults.api
    try {
      if (!isDelivery) authenticate(req.headers.authorization, privateKey)
      if (fault && (await disturb(req, res, fault))) return
      if (isDelivery) return await deliver(req, res, (req.url ?? '').slice('/local/'.length), account, privateKey)
      if (!isUpload) {
        const { status, body } = await mediaApi(req, asked, account)
        return send(res, status, body)
      }
      const answer = await uploadFile(req, account, fault)
      if (fault?.type === 'answer lost') return void res.destroy()
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
    urlEndpoint: account.urlEndpoint(),
    privateKey,
    library,
    faults,
    close: async () => {
      server.closeAllConnections()
      server.close()
      await library.close()
    },
  }
}

/** Basic, the private key as user and any password; also without base64 [S][M]. */
function authenticate(header: string | undefined, privateKey: string): void {
  const [, credentials] = /^Basic (.+)$/.exec(header ?? '') ?? []
  if (credentials === undefined) throw new Refusal(401, 'Your request does not contain private API key.')
  const [user] = Buffer.from(credentials, 'base64').toString().split(':')
  if (user !== privateKey && credentials !== privateKey) throw new Refusal(403, 'Your account cannot be authenticated.')
}

/** @returns whether nothing more is to be done. */
async function disturb(req: IncomingMessage, res: ServerResponse, fault: Fault): Promise<boolean> {
  switch (fault.type) {
    case 'rate limit':
      if (fault.times-- <= 0) return false
      throw new Refusal(429, 'Too many requests', undefined, {
        'x-ratelimit-limit': '20',
        'x-ratelimit-reset': String(fault.ms),
        'x-ratelimit-interval': '1000',
      })
    case 'error page':
      req.resume()
      res.writeHead(fault.status, { 'content-type': 'text/html' })
      res.end('<html><head><title>Bad Gateway</title></head></html>')
      return true
    case 'no answer':
      req.resume()
      return true
    case 'reset': {
      let read = 0
      for await (const chunk of req) {
        read += chunk.length
        if (read >= fault.afterBytes) break
      }
      req.socket.resetAndDestroy()
      return true
    }
    case 'early refusal':
      throw new Refusal(
        fault.status,
        fault.status === 403 ? 'Your storage quota has been exceeded.' : 'Invalid file parameter',
      )
    default:
      return false
  }
}

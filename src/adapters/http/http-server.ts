import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type Koa from 'koa'

const CLOSE_IDLE_EVERY_MS = 250

/** A server whose timeouts suit uploads; it takes requests once it is given an app. */
export const createHttpServer = (headerTimeoutSeconds: number): Server =>
  createServer({
    headersTimeout: headerTimeoutSeconds * 1000,
    connectionsCheckingInterval: 1000,
    // An upload may take as long as it needs; a body that comes too slowly is refused by its pace.
    requestTimeout: 0,
  })

/**
 * Lets `app` answer everything, those requests too that ask before they send their body. The requests of one connection
 * are run one after the other, and none after an answer that closes it: nobody would learn what became of it.
 */
export function serveApp(server: Server, app: Koa): void {
  const handle = app.callback()
  const latest = new WeakMap<Socket, ServerResponse>()
  const inTurn = (req: IncomingMessage, res: ServerResponse): void => {
    const before = latest.get(req.socket)
    latest.set(req.socket, res)
    const run = () => void (req.socket.writable ? handle(req, res) : req.resume())
    if (!before || before.closed) run()
    else before.once('close', run)
  }
  for (const event of ['request', 'checkContinue', 'checkExpectation']) server.on(event, inTurn)
}

/**
 * Takes no more connections and settles when the last one is closed, which those still open after `drainMs` are by force.
 * @param onCutOff called before that, if any is open then.
 */
export async function closeServer(server: Server, drainMs: number, onCutOff: () => void = () => {}): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  // node:http closes the connections that are idle now, but not those that become idle later.
  const idle = setInterval(() => server.closeIdleConnections(), CLOSE_IDLE_EVERY_MS)
  const late = setTimeout(() => {
    onCutOff()
    server.closeAllConnections()
  }, drainMs)
  await closed
  clearInterval(idle)
  clearTimeout(late)
}

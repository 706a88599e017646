import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type Koa from 'koa'

const CLOSE_IDLE_EVERY_MS = 250

/**
 * Creates a server whose timeouts suit uploads. It handles no request until `serveApp` is called.
 *
 * @param headerTimeoutSeconds The time within which the headers of a request must arrive.
 */
export const createHttpServer = (headerTimeoutSeconds: number): Server =>
  createServer({
    headersTimeout: headerTimeoutSeconds * 1000,
    connectionsCheckingInterval: 1000,
    // An upload may take any time. `watchPace` refuses a body that is sent too slowly.
    requestTimeout: 0,
  })

/**
 * Handles all requests with `app`, including those with an `Expect` header. Requests of one connection run one after
 * another. After an answer that closes the connection no further request runs, because its answer could not be sent.
 */
export function serveApp(server: Server, app: Koa): void {
  const handle = app.callback()
  const latest = new WeakMap<Socket, ServerResponse>()
  const handleInOrder = (req: IncomingMessage, res: ServerResponse): void => {
    const previous = latest.get(req.socket)
    latest.set(req.socket, res)
    const run = () => void (req.socket.writable ? handle(req, res) : req.resume())
    if (!previous || previous.closed) run()
    else previous.once('close', run)
  }
  for (const event of ['request', 'checkContinue', 'checkExpectation']) server.on(event, handleInOrder)
}

/**
 * Stops accepting connections and resolves when all are closed. Connections that are open after `drainMs` are
 * destroyed.
 *
 * @param onCutOff Called just before connections are destroyed.
 */
export async function closeServer(server: Server, drainMs: number, onCutOff: () => void = () => {}): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  // `close` ends the connections that are idle now, but not those that become idle later.
  const idleTimer = setInterval(() => server.closeIdleConnections(), CLOSE_IDLE_EVERY_MS)
  const drainTimer = setTimeout(() => {
    onCutOff()
    server.closeAllConnections()
  }, drainMs)
  await closed
  clearInterval(idleTimer)
  clearTimeout(drainTimer)
}

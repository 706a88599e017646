import type { IncomingMessage, ServerResponse } from 'node:http'

const LINGER_MS = 2000

/** Whether the headers announce a body. */
export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length']) > 0

/**
 * Closes the connection after the answer, so that the client can still read the answer (RFC 9112 section 9.6).
 *
 * If a socket is closed while it receives bytes, the kernel sends a reset. A reset makes the client's kernel drop an
 * answer that the client has not read yet. So the server ends its side, ignores further bytes for up to 2 s, and then
 * closes.
 */
export function closeAfterAnswer(req: IncomingMessage, res: ServerResponse): void {
  const { socket } = req
  const close = () => {
    req.resume()
    socket.end()
    const timer = setTimeout(() => socket.destroy(), LINGER_MS)
    socket.once('close', () => clearTimeout(timer))
  }
  if (res.headersSent) return close()
  res.setHeader('Connection', 'close')
  // node:http calls this method when an answer with "Connection: close" has been written.
  socket.destroySoon = close
}

import type { IncomingMessage, ServerResponse } from 'node:http'

const LINGER_MS = 2000

export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length']) > 0

/**
 * Closes the connection after this answer without losing the answer. A close while bytes are still coming in makes the
 * kernel send a reset, and a reset makes the client's kernel throw away the answer it has not read yet. So: end our
 * side, discard what comes for up to two seconds, then close (a "lingering close", RFC 9112 section 9.6).
 */
export function closeAfterAnswer(req: IncomingMessage, res: ServerResponse): void {
  res.setHeader('Connection', 'close')
  const { socket } = req
  // What node:http calls once the answer to a "Connection: close" has been written.
  socket.destroySoon = () => {
    req.resume()
    socket.end()
    const timer = setTimeout(() => socket.destroy(), LINGER_MS)
    socket.once('close', () => clearTimeout(timer))
  }
}

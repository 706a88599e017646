import type { IncomingMessage } from 'node:http'

/** How slowly a body may come. */
export interface Pace {
  /** Seconds without a byte. */
  readonly idleSeconds: number
  /** Bytes a second, on average over `RATE_WINDOW_SECONDS`. */
  readonly minRate: number
}

const RATE_WINDOW_SECONDS = 30
const TICK_MS = 500

/**
 * Calls `tooSlow` once the sender of `req` falls behind `pace`. Time during which we ourselves hold the body back, because
 * the storage is busy, is not counted against the sender.
 * @returns stops watching.
 */
export function watchPace(req: IncomingMessage, pace: Pace, tooSlow: () => void): () => void {
  let received = req.socket.bytesRead
  let idle = 0
  let waited = 0
  let windowBytes = 0
  const timer = setInterval(() => {
    const bytes = req.socket.bytesRead - received
    received += bytes
    windowBytes += bytes
    if (req.isPaused()) {
      idle = 0
      return
    }
    idle = bytes > 0 ? 0 : idle + TICK_MS / 1000
    waited += TICK_MS / 1000
    if (idle > pace.idleSeconds) return tooSlow()
    if (waited < RATE_WINDOW_SECONDS) return
    if (windowBytes < pace.minRate * RATE_WINDOW_SECONDS) return tooSlow()
    waited = 0
    windowBytes = 0
  }, TICK_MS)
  return () => clearInterval(timer)
}

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
const TICK_SECONDS = TICK_MS / 1000

/** Looks at one request each tick. */
type Watch = () => void

const watches = new Set<Watch>()
let timer: NodeJS.Timeout | undefined

/**
 * Calls `tooSlow` once the sender of `req` falls behind `pace`. Time during which we ourselves hold the body back, because
 * the storage is busy, is not counted against the sender. All requests share one timer.
 * @returns stops watching.
 */
export function watchPace(req: IncomingMessage, pace: Pace, tooSlow: () => void): () => void {
  let received = req.socket.bytesRead
  // The first tick may come at once, so it does not count.
  let idle = -TICK_SECONDS
  let waited = -TICK_SECONDS
  let windowBytes = 0
  const watch = (): void => {
    const bytes = req.socket.bytesRead - received
    received += bytes
    windowBytes += bytes
    if (req.isPaused()) {
      idle = 0
      return
    }
    idle = bytes > 0 ? 0 : idle + TICK_SECONDS
    waited += TICK_SECONDS
    if (idle > pace.idleSeconds) return tooSlow()
    if (waited < RATE_WINDOW_SECONDS) return
    if (windowBytes < pace.minRate * RATE_WINDOW_SECONDS) return tooSlow()
    waited = 0
    windowBytes = 0
  }
  watches.add(watch)
  timer ??= setInterval(() => {
    for (const each of watches) each()
  }, TICK_MS)
  return () => {
    watches.delete(watch)
    if (watches.size > 0) return
    clearInterval(timer)
    timer = undefined
  }
}

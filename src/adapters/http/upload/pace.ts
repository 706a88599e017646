import type { IncomingMessage } from 'node:http'

/** The slowest pace at which a client may send a body. */
export interface Pace {
  /** The longest time without a byte. */
  readonly idleSeconds: number
  /** The lowest average rate over `RATE_WINDOW_SECONDS`, in bytes per second. */
  readonly minRate: number
}

const RATE_WINDOW_SECONDS = 30
const TICK_MS = 500
const TICK_SECONDS = TICK_MS / 1000

/** One function per request, called every `TICK_MS`. */
const watches = new Set<() => void>()
let timer: NodeJS.Timeout | undefined

/**
 * Calls `onTooSlow` when the sender of `req` is slower than `pace`. Time during which the request is paused, because
 * the storage is slower, does not count. All requests share one timer.
 *
 * @returns A function that stops watching.
 */
export function watchPace(req: IncomingMessage, pace: Pace, onTooSlow: () => void): () => void {
  let totalBytes = req.socket.bytesRead
  // The first tick does not count, because it may follow at once.
  let idleSeconds = -TICK_SECONDS
  let windowSeconds = -TICK_SECONDS
  let windowBytes = 0
  const watch = (): void => {
    const bytes = req.socket.bytesRead - totalBytes
    totalBytes += bytes
    windowBytes += bytes
    if (req.isPaused()) {
      idleSeconds = 0
      return
    }
    idleSeconds = bytes > 0 ? 0 : idleSeconds + TICK_SECONDS
    windowSeconds += TICK_SECONDS
    if (idleSeconds > pace.idleSeconds) return onTooSlow()
    if (windowSeconds < RATE_WINDOW_SECONDS) return
    if (windowBytes < pace.minRate * RATE_WINDOW_SECONDS) return onTooSlow()
    windowSeconds = 0
    windowBytes = 0
  }
  watches.add(watch)
  timer ??= setInterval(() => {
    for (const check of watches) check()
  }, TICK_MS)
  return () => {
    watches.delete(watch)
    if (watches.size > 0) return
    clearInterval(timer)
    timer = undefined
  }
}

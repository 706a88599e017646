import { setTimeout } from 'node:timers/promises'
import type { Ports } from '../ports/index.ts'
import type { WatchedStorage } from './watched-storage.ts'

/** How long one check may take. A service that has not answered by then is `down`. */
const TIMEOUT_MS = 2000

export interface Health {
  /** `down`: uploads cannot be accepted. `degraded`: they can, but a projection does not answer. */
  readonly status: 'ok' | 'degraded' | 'down'
  readonly checks: Readonly<Record<string, 'up' | 'down'>>
}

/** Checks what uploads need, and the projections that have a server of their own. Answers within about 2 seconds. */
export type CheckHealth = () => Promise<Health>

export const checkHealth =
  ({ media, metadata, titles }: Pick<Ports, 'media' | 'metadata' | 'titles'>, storage: WatchedStorage): CheckHealth =>
  async () => {
    const needed = { database: media.isUp(), storage: storage.isUp() }
    const projections = {
      ...(metadata.isUp && { metadata: metadata.isUp() }),
      ...(titles.isUp && { titles: titles.isUp() }),
    }
    const [uploads, others] = await Promise.all([settle(needed), settle(projections)])
    return {
      status: uploads.isUp ? (others.isUp ? 'ok' : 'degraded') : 'down',
      checks: { ...uploads.checks, ...others.checks },
    }
  }

async function settle(checks: Readonly<Record<string, Promise<boolean>>>) {
  const entries = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => [name, await inTime(check)] as const),
  )
  return {
    isUp: entries.every(([, isUp]) => isUp),
    checks: Object.fromEntries(entries.map(([name, isUp]) => [name, isUp ? ('up' as const) : ('down' as const)])),
  }
}

const inTime = (check: Promise<boolean>): Promise<boolean> =>
  Promise.race([check, setTimeout(TIMEOUT_MS, false, { ref: false })])

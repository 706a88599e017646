import { setTimeout } from 'node:timers/promises'
import type { z } from 'zod'
import type { Health } from '../adapters/http/schemas.ts'
import type { Connections } from './connections.ts'
import type { WatchedStorage } from './watched-storage.ts'

/** A health check never waits longer than this for a database that hangs. */
const PATIENCE_MS = 2000

/** Stores with a server of their own. */
export interface Watched {
  readonly metadata?: { isUp(): Promise<boolean> } | undefined
  readonly titles?: { isUp(): Promise<boolean> } | undefined
}

/** @param connections absent while they are being opened. */
export async function checkHealth(
  connections: (Pick<Connections, 'isDatabaseUp'> & { readonly projections: Watched }) | undefined,
  storage: WatchedStorage | undefined,
): Promise<z.infer<typeof Health>> {
  if (!connections || !storage) return { status: 'starting', checks: { database: 'starting', storage: 'starting' } }
  const { metadata, titles } = connections.projections
  // Those that have no server of their own are as well as the database is.
  const needed = { database: connections.isDatabaseUp(), storage: storage.isUp() }
  const projections = { ...(metadata && { metadata: metadata.isUp() }), ...(titles && { titles: titles.isUp() }) }
  const [down, degraded] = await Promise.all([settle(needed), settle(projections)])
  return {
    status: down.isAllUp ? (degraded.isAllUp ? 'ok' : 'degraded') : 'down',
    checks: { ...down.checks, ...degraded.checks },
  }
}

async function settle(checks: Readonly<Record<string, Promise<boolean>>>) {
  const entries = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => [name, await inTime(check)] as const),
  )
  return {
    isAllUp: entries.every(([, isUp]) => isUp),
    checks: Object.fromEntries(entries.map(([name, isUp]) => [name, isUp ? ('up' as const) : ('down' as const)])),
  }
}

const inTime = (check: Promise<boolean>): Promise<boolean> =>
  Promise.race([check, setTimeout(PATIENCE_MS, false, { ref: false })])

import { setTimeout } from 'node:timers/promises'
import type { z } from 'zod'
import type { Health } from '../adapters/http/schemas.ts'
import type { Connections } from './connections.ts'
import type { WatchedStorage } from './watched-storage.ts'

/** A health check never waits longer than this for a database that hangs. */
const PATIENCE_MS = 2000

/** @param connections absent while they are being opened. */
export async function checkHealth(
  connections: Pick<Connections, 'isDatabaseUp'> | undefined,
  storage: WatchedStorage | undefined,
): Promise<z.infer<typeof Health>> {
  if (!connections || !storage) return { status: 'starting', checks: { database: 'starting', storage: 'starting' } }
  const [database, files] = await Promise.all([inTime(connections.isDatabaseUp()), inTime(storage.isUp())])
  return {
    status: database && files ? 'ok' : 'down',
    checks: { database: database ? 'up' : 'down', storage: files ? 'up' : 'down' },
  }
}

const inTime = (check: Promise<boolean>): Promise<boolean> =>
  Promise.race([check, setTimeout(PATIENCE_MS, false, { ref: false })])

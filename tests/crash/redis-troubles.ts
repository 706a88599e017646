import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { secondsUntil } from './faults.ts'
import type { OwnServer } from './own-server.ts'

/** A store of projections that fails for a while. */
export interface Trouble {
  readonly what: string
  readonly store: 'metadata' | 'titles'
  readonly isLong?: boolean
  /** Whether the health check can see it: what only refuses writes answers its question. */
  readonly isSeen?: boolean
  /** What Redis says to a command that writes, for it to be what it is called. */
  readonly says?: string
  readonly begin: () => Promise<unknown>
  readonly end: () => Promise<unknown>
}

/** Reading a snapshot takes 0.1 s a key, and clients are answered meanwhile; where it writes can be changed. */
export const REDIS_OPTIONS =
  '--key-load-delay 100000 --loading-process-events-interval-bytes 1024 --enable-protected-configs yes'.split(' ')

/** What Redis answers to a command, by its own client. */
export async function saidBy({ port }: OwnServer, ...command: string[]): Promise<string> {
  return (await promisify(execFile)('redis-cli', ['-p', String(port), ...command])).stdout
}

/** @param cut ends the connections that there are. */
export function redisTroubles(redis: OwnServer, cut: () => void): readonly Trouble[] {
  const asked = (command: string) => saidBy(redis, ...command.split(' '))
  const info = async (line: string) => (await asked('INFO persistence')).includes(line)
  return [
    {
      what: 'Redis is loading (LOADING)',
      store: 'titles',
      says: 'LOADING',
      isLong: true,
      async begin() {
        await asked('BGREWRITEAOF')
        await secondsUntil(() => info('aof_rewrite_in_progress:0'))
        await redis.kill()
        await redis.start()
      },
      end: () => secondsUntil(async () => (await asked('PING')).startsWith('PONG')),
    },
    {
      what: 'Redis is a replica without its master (READONLY)',
      store: 'titles',
      says: 'READONLY',
      isSeen: false,
      begin: () => asked('REPLICAOF 127.0.0.1 1'),
      end: () => asked('REPLICAOF NO ONE'),
    },
    {
      what: 'Redis is out of memory (OOM)',
      store: 'titles',
      says: 'OOM',
      isSeen: false,
      begin: () => asked('CONFIG SET maxmemory 1'),
      end: () => asked('CONFIG SET maxmemory 0'),
    },
    {
      what: 'Redis can not write its snapshot (MISCONF)',
      store: 'titles',
      says: 'MISCONF',
      isLong: true,
      async begin() {
        const gone = await mkdtemp(join(tmpdir(), 'mediaport-gone-'))
        await asked(`CONFIG SET dir ${gone}`)
        await rm(gone, { recursive: true })
        await saidBy(redis, 'CONFIG', 'SET', 'save', '3600 1')
        await asked('BGSAVE')
        await secondsUntil(() => info('rdb_last_bgsave_status:err'))
      },
      end: () => saidBy(redis, 'CONFIG', 'SET', 'save', ''),
    },
    {
      what: 'Redis wants a password (NOAUTH)',
      store: 'titles',
      says: 'NOAUTH',
      async begin() {
        await asked('CONFIG SET requirepass secret')
        cut()
      },
      end: () => saidBy(redis, '-a', 'secret', 'CONFIG', 'SET', 'requirepass', ''),
    },
  ]
}

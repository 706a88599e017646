import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { secondsUntil } from './faults.ts'
import type { OwnServer } from './own-server.ts'

/** A temporary fault of a projection store. */
export interface StoreFault {
  readonly what: string
  readonly store: 'metadata' | 'titles'
  readonly isLong?: boolean
  /** Whether the health check detects it. A store that only refuses writes answers its query. */
  readonly isDetected?: boolean
  /** The start of Redis's reply to a write, which proves that the fault is present. */
  readonly reply?: string
  readonly start: () => Promise<unknown>
  readonly end: () => Promise<unknown>
}

/**
 * Loading a snapshot takes 0.1 s per key, and clients are answered in this time. The snapshot folder can be changed.
 */
export const REDIS_OPTIONS =
  '--key-load-delay 100000 --loading-process-events-interval-bytes 1024 --enable-protected-configs yes'.split(' ')

/** Returns the reply of Redis to a command, read with redis-cli. */
export async function redisReply({ port }: OwnServer, ...command: string[]): Promise<string> {
  return (await promisify(execFile)('redis-cli', ['-p', String(port), ...command])).stdout
}

/** @param cut Resets the open connections. */
export function redisFaults(redis: OwnServer, cut: () => void): readonly StoreFault[] {
  const send = (command: string) => redisReply(redis, ...command.split(' '))
  const info = async (line: string) => (await send('INFO persistence')).includes(line)
  return [
    {
      what: 'Redis is loading (LOADING)',
      store: 'titles',
      reply: 'LOADING',
      isLong: true,
      async start() {
        await send('BGREWRITEAOF')
        await secondsUntil(() => info('aof_rewrite_in_progress:0'))
        await redis.kill()
        await redis.start()
      },
      end: () => secondsUntil(async () => (await send('PING')).startsWith('PONG')),
    },
    {
      what: 'Redis is a replica without its master (READONLY)',
      store: 'titles',
      reply: 'READONLY',
      isDetected: false,
      start: () => send('REPLICAOF 127.0.0.1 1'),
      end: () => send('REPLICAOF NO ONE'),
    },
    {
      what: 'Redis is out of memory (OOM)',
      store: 'titles',
      reply: 'OOM',
      isDetected: false,
      start: () => send('CONFIG SET maxmemory 1'),
      end: () => send('CONFIG SET maxmemory 0'),
    },
    {
      what: 'Redis cannot write its snapshot (MISCONF)',
      store: 'titles',
      reply: 'MISCONF',
      isLong: true,
      async start() {
        const removedFolder = await mkdtemp(join(tmpdir(), 'mediaport-gone-'))
        await send(`CONFIG SET dir ${removedFolder}`)
        await rm(removedFolder, { recursive: true })
        await redisReply(redis, 'CONFIG', 'SET', 'save', '3600 1')
        await send('BGSAVE')
        await secondsUntil(() => info('rdb_last_bgsave_status:err'))
      },
      end: () => redisReply(redis, 'CONFIG', 'SET', 'save', ''),
    },
    {
      what: 'Redis requires a password (NOAUTH)',
      store: 'titles',
      reply: 'NOAUTH',
      async start() {
        await send('CONFIG SET requirepass secret')
        cut()
      },
      end: () => redisReply(redis, '-a', 'secret', 'CONFIG', 'SET', 'requirepass', ''),
    },
  ]
}

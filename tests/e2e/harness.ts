import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { expect, vi } from 'vitest'
import { FilesystemFileStorage } from '../../src/adapters/filesystem/filesystem-file-storage.ts'
import { SCOPES } from '../../src/adapters/http/access.ts'
import { createApp } from '../../src/adapters/http/app.ts'
import { closeServer, createHttpServer, serveApp } from '../../src/adapters/http/http-server.ts'
import type { Pace } from '../../src/adapters/http/upload/pace.ts'
import { MemoryJobs } from '../../src/adapters/memory/memory-jobs.ts'
import { MemoryMediaRepository } from '../../src/adapters/memory/memory-media-repository.ts'
import { createMediaport, type Mediaport } from '../../src/application/mediaport.ts'
import type { Policy } from '../../src/application/policy.ts'
import type { FileStorage } from '../../src/application/ports/file-storage.ts'
import type { Ports } from '../../src/application/ports/index.ts'
import type { Media, Stored } from '../../src/domain/media/media.ts'
import { memoryPorts } from '../../src/main/memory-ports.ts'
import { file, form, post } from './multipart.ts'
import { type Answer, Wire } from './wire.ts'

/** The largest file that the servers here take, in bytes. */
export const MAX_FILE = 1024 * 1024

export interface TestServer {
  readonly url: string
  readonly port: number
  readonly mediaport: Mediaport
  /** A connection, which `close` ends if the test doesn't. */
  connect(): Wire
  /** Sends the request on a connection of its own and gives the answer. */
  exchange(request: Uint8Array, options?: { toHead?: boolean }): Promise<Answer>
  /** Sends the pieces so that the server reads each by itself. */
  sendApart(wire: Wire, pieces: readonly Uint8Array[]): Promise<void>
  /** Sends what has to be refused, and looks at the answer and at what it leaves. */
  refuses(request: Uint8Array, status: number, code: string): Promise<Answer>
  /** Sends what has to be refused while more is coming: `head`, and then `filler` again and again. */
  refusesMeanwhile(head: Uint8Array, filler: Uint8Array, status: number, code: string): Promise<void>
  /** Sends what has to be accepted. */
  accepts(request: Uint8Array): Promise<Accepted>
  /** Every row, in any state, the newest last. */
  rows(): Promise<Media[]>
  stored(): Promise<Stored[]>
  /** Names of all files in the storage's folder, unfinished ones too. */
  filesOnDisk(): Promise<string[]>
  /** An upload is under way, and its file is being written. */
  hasBegun(): Promise<void>
  /** No upload is under way, and each stored row has its one file, and no other file is there. */
  settled(): Promise<void>
  /** An ordinary upload is taken, and all is settled. */
  works(): Promise<void>
  /** What was logged, by level. */
  readonly log: readonly { readonly level: string; readonly request_id?: string; readonly code?: string }[]
  /** Turns away what comes from now on. */
  drain(): void
  /** Settles when the last connection is closed, which is after `drainMs` at the latest. */
  stop(drainMs?: number): Promise<void>
  close(): Promise<void>
}

export interface Accepted {
  readonly id: string
  readonly filename: string
  readonly title: string
  readonly tags: string[]
  readonly sha256: string
  readonly size_bytes: number
  readonly mime_type: string
  readonly url: string
}

export interface Given {
  readonly policy?: Partial<Policy>
  readonly pace?: Partial<Pace>
  readonly headerTimeoutSeconds?: number
  /** Puts a fault in front of the storage. */
  readonly wrapStorage?: (storage: FileStorage, folder: string) => FileStorage
  readonly ports?: Partial<Pick<Ports, 'metadata' | 'titles' | 'extract'>>
  readonly showsLocation?: boolean
}

/** The HTTP server as `serve` puts it together, over rows in memory and files in a folder of its own. */
export async function startServer(given: Given = {}): Promise<TestServer> {
  const { policy, pace, headerTimeoutSeconds = 10, wrapStorage = same, ports, showsLocation } = given
  const folder = await mkdtemp(join(tmpdir(), 'mediaport-e2e-'))
  const jobs = new MemoryJobs()
  const media = new MemoryMediaRepository({
    add(tx, events) {
      jobs.add(tx, events)
      void setImmediate().then(() => jobs.run(mediaport.work))
    },
  })
  const storage = wrapStorage(new FilesystemFileStorage(join(folder, 'files')), folder)
  const mediaport = createMediaport(
    { ...memoryPorts(), ...ports, media, storages: [storage] },
    { maxFileSize: MAX_FILE, ...policy },
  )

  const server = createHttpServer(headerTimeoutSeconds)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}`
  const log: { level: string }[] = []
  const logged = (level: string) => (fields: object) => void log.push({ level, ...fields })
  const peers = new Map<number, Socket>()
  let draining = false
  let cutOff = false
  const app = createApp(mediaport, {
    access: { hosts: [], anonymousScopes: SCOPES, loopbackOnly: true, publicUrl: url },
    pace: { idleSeconds: 15, minRate: 4096, ...pace },
    showsLocation,
    isDraining: () => draining,
    isCutOff: () => cutOff,
    log: { debug: logged('debug'), info: logged('info'), warn: logged('warn'), error: logged('error') },
  })
  serveApp(server, app)
  server.on('connection', (socket) => peers.set(socket.remotePort ?? 0, socket))

  const wires: Wire[] = []
  const connect = (): Wire => {
    const wire = new Wire(port)
    wires.push(wire)
    return wire
  }

  const exchange: TestServer['exchange'] = async (request, options) => {
    const wire = connect()
    await wire.send(request)
    const answer = await wire.answer(options)
    wire.leave()
    return answer
  }

  const sendApart: TestServer['sendApart'] = async (wire, pieces) => {
    for (const piece of pieces) {
      await wire.send(piece)
      while ((peers.get(wire.port)?.bytesRead ?? 0) < wire.sent) await setImmediate()
    }
  }

  const rows = async (): Promise<Media[]> => {
    const found = (await media.scan(undefined, Number.POSITIVE_INFINITY))._unsafeUnwrap()
    return found.toSorted((a, b) => a.createdAt.getTime() - b.createdAt.getTime())
  }

  const stored = async (): Promise<Stored[]> => (await rows()).filter((row) => row.state === 'stored')

  const filesOnDisk = async (): Promise<string[]> => {
    const entries = await readdir(join(folder, 'files'), { recursive: true, withFileTypes: true }).catch(() => [])
    return entries.filter((entry) => entry.isFile()).map(({ name }) => basename(name))
  }

  const settled = () =>
    vi.waitFor(async () => {
      expect((await rows()).filter(({ state }) => state === 'receiving')).toEqual([])
      expect((await filesOnDisk()).toSorted()).toEqual((await stored()).map(({ storageKey }) => storageKey).toSorted())
    }, WAIT)

  const accepts = async (request: Uint8Array): Promise<Accepted> => {
    const answer = await exchange(request)
    expect([answer.status, answer.status === 201 || answer.body.toString()]).toEqual([201, true])
    return JSON.parse(answer.body.toString())
  }

  return {
    url,
    port,
    mediaport,
    connect,
    exchange,
    sendApart,
    accepts,
    rows,
    stored,
    filesOnDisk,
    settled,
    log,
    refuses: async (request, status, code) => {
      const before = await stored()
      const answer = await exchange(request)
      expectProblem(answer, status, code)
      await settled()
      expect(await stored()).toEqual(before)
      expect(linesOf(log, answer)).toEqual([expect.objectContaining({ level: status < 500 ? 'warn' : 'error', code })])
      return answer
    },
    refusesMeanwhile: async (head, filler, status, code) => {
      const before = await stored()
      const wire = connect()
      await wire.send(head)
      expect(await wire.sendUntilAnswered(filler)).toBe(true)
      expectProblem(await wire.answer(), status, code)
      await wire.closed()
      await settled()
      expect(await stored()).toEqual(before)
    },
    hasBegun: () =>
      vi.waitFor(async () => expect(await filesOnDisk()).toContainEqual(expect.stringMatching(/\.part$/)), WAIT),
    works: async () => {
      await accepts(post(form(file())))
      await settled()
    },
    drain: () => {
      draining = true
    },
    stop: (drainMs = 10_000) => closeServer(server, drainMs, () => (cutOff = true)),
    close: async () => {
      for (const wire of wires) wire.leave()
      if (server.listening) await closeServer(server, 0)
      await mediaport.close()
      await rm(folder, { recursive: true })
    },
  }
}

/** For `vi.waitFor`: long enough for a busy machine. */
const WAIT = { timeout: 10_000, interval: 5 }

const SECURITY_HEADERS = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cache-control': 'no-store',
}

/** RFC 9457, with everything that each answer of ours has. */
export function expectProblem(answer: Answer, status: number, code: string): void {
  const text = answer.body.toString()
  expect([answer.status, text]).toEqual([status, expect.stringContaining(`"/problems/${code}"`)])
  const problem: { request_id: string; title: string } = JSON.parse(text)
  expect(problem).toMatchObject({ type: `/problems/${code}`, status, title: expect.stringMatching(/\w/) })
  expect(answer.headers).toMatchObject({ ...SECURITY_HEADERS, 'x-request-id': problem.request_id })
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json(;|$)/)
  expect(problem.request_id).toMatch(/^[0-9a-f-]{36}$/)
  expect(text).not.toMatch(/[\p{Cc}\u2028\u2029\u202A-\u202E]|node_modules|node:|\w\.[jt]s\b|\/tmp\//u)
}

function linesOf(log: TestServer['log'], { headers }: Answer): object[] {
  return log.filter((line) => line.request_id === headers['x-request-id'])
}

const same = (storage: FileStorage): FileStorage => storage

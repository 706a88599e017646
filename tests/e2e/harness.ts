import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { basename, join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { afterAll, afterEach, expect, onTestFinished, vi } from 'vitest'
import { FilesystemFileStorage } from '../../src/adapters/filesystem/filesystem-file-storage.ts'
import { createApp } from '../../src/adapters/http/app.ts'
import { authenticateBearer, firstOf } from '../../src/adapters/http/auth/bearer.ts'
import { type Authenticate, LOCAL_SCOPES, type Scope } from '../../src/adapters/http/auth/caller.ts'
import { Tokens } from '../../src/adapters/http/auth/tokens.ts'
import { closeServer, createHttpServer, serveApp } from '../../src/adapters/http/http-server.ts'
import type { toJson } from '../../src/adapters/http/media-json.ts'
import type { Pace } from '../../src/adapters/http/upload/pace.ts'
import { MemoryJobs } from '../../src/adapters/memory/memory-jobs.ts'
import { MemoryMediaRepository } from '../../src/adapters/memory/memory-media-repository.ts'
import { createMediaport } from '../../src/application/mediaport.ts'
import type { Policy } from '../../src/application/policy.ts'
import type { FileStorage } from '../../src/application/ports/file-storage.ts'
import type { Ports } from '../../src/application/ports/index.ts'
import type { Media, Stored } from '../../src/domain/media/media.ts'
import { memoryPorts } from '../../src/main/memory-ports.ts'
import { pngOf } from '../samples.ts'
import { filesIn } from '../support/files.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { type Bytes, field, file, form, post } from './multipart.ts'
import { type Answer, json, Wire } from './wire.ts'

/** The largest file that the test servers accept by default. */
export const MAX_FILE_BYTES = 1024 * 1024

export type TestServer = Awaited<ReturnType<typeof startServer>>

/** The media item in the answer to an upload. */
export type Accepted = ReturnType<typeof toJson>

export interface ServerOptions {
  readonly policy?: Partial<Policy>
  readonly pace?: Partial<Pace>
  readonly headerTimeoutSeconds?: number
  /** Replaces the storage, for example by one that fails. `folder` is deleted after the server. */
  readonly wrapStorage?: (storage: FileStorage, folder: string) => FileStorage
  readonly ports?: Partial<Pick<Ports, 'metadata' | 'titles' | 'extract' | 'sniff'>>
  readonly showsLocation?: boolean
  readonly authenticate?: Authenticate
  readonly tokens?: Tokens
  readonly anonymousScopes?: readonly Scope[]
}

type LogLine = Readonly<Partial<Record<'level' | 'request_id' | 'code', string>>>
type Cleanup = (handler: () => Promise<void>) => void

/** The expected status and code of a refusal. By default those in the title of the test; see `expectProblem`. */
type Refusal = [status?: number, code?: string]

/** Starts a server for all tests of a file. After each test the server must still accept an upload. */
export async function serverForFile(options?: ServerOptions): Promise<TestServer> {
  const server = await startServer(options, afterAll)
  afterEach(() => server.works())
  return server
}

/**
 * Starts the HTTP server as `serve` does, with rows in memory and files in a temporary folder.
 *
 * @param onEnd Registers the end of the server. By default it ends with the test.
 */
export async function startServer(options: ServerOptions = {}, onEnd: Cleanup = onTestFinished) {
  const { policy, pace, headerTimeoutSeconds = 10, wrapStorage, ports, showsLocation } = options
  const { tokens = new Tokens(randomBytes(32).toString('hex')) } = options
  const { authenticate = authenticateBearer([tokens.verify]), anonymousScopes = LOCAL_SCOPES } = options
  const folder = temporaryFolder(onEnd)
  const jobs = new MemoryJobs()
  const media = new MemoryMediaRepository({
    add(tx, events) {
      jobs.add(tx, events)
      void setImmediate().then(() => jobs.run(mediaport.work))
    },
  })
  const files = new FilesystemFileStorage(join(folder, 'files'))
  const storage = wrapStorage?.(files, folder) ?? files
  const mediaport = createMediaport(
    { ...memoryPorts(), ...ports, media, storages: [storage] },
    { maxFileSize: MAX_FILE_BYTES, ...policy },
  )

  const httpServer = createHttpServer(headerTimeoutSeconds)
  await once(httpServer.listen(0, '127.0.0.1'), 'listening')
  const { port } = httpServer.address() as AddressInfo
  const url = `http://127.0.0.1:${port}`
  const log: LogLine[] = []
  const logAs = (level: string) => (fields: object) => void log.push({ level, ...fields })
  let isDraining = false
  let isCutOff = false
  const app = createApp(mediaport, {
    access: { hosts: [], anonymousScopes, loopbackOnly: true, publicUrl: url },
    authenticate: firstOf([authenticate, tokens.authenticateLink]),
    tokens,
    pace: { idleSeconds: 15, minRate: 4096, ...pace },
    showsLocation,
    isDraining: () => isDraining,
    isCutOff: () => isCutOff,
    log: { debug: logAs('debug'), info: logAs('info'), warn: logAs('warn'), error: logAs('error') },
  })
  serveApp(httpServer, app)
  /** The server's ends of the connections, by the port of the client. */
  const sockets = new Map<number, Socket>()
  httpServer.on('connection', (socket) => sockets.set(socket.remotePort ?? 0, socket))
  const wires: Wire[] = []

  const server = {
    url,
    port,
    mediaport,
    log: log as readonly LogLine[],

    /** Opens a connection. It is closed with the server if the test does not close it. */
    connect(): Wire {
      const wire = new Wire(port)
      wires.push(wire)
      return wire
    },

    /** Sends the request on a new connection and returns the answer. Set `toHead` for a HEAD request. */
    async exchange(request: Uint8Array, { toHead = false } = {}): Promise<Answer> {
      const wire = await server.connect().send(request)
      const answer = await wire.answer({ toHead })
      wire.leave()
      return answer
    },

    /** Sends each piece after the server has received the one before. */
    async sendSeparately(wire: Wire, pieces: readonly Uint8Array[]): Promise<void> {
      for (const piece of pieces) {
        await wire.send(piece)
        while ((sockets.get(wire.port)?.bytesRead ?? 0) < wire.sent) await setImmediate()
      }
    },

    /** Sends an upload that must be accepted. */
    async accepts(request: Uint8Array): Promise<Accepted> {
      const answer = await server.exchange(request)
      expect([answer.status, answer.status === 201 || answer.body.toString()]).toEqual([201, true])
      return json(answer)
    },

    /** Sends a request that must be refused, logged once, and leave nothing behind. */
    async refuses(request: Uint8Array, ...refusal: Refusal): Promise<Answer> {
      const { answer, code } = await server.keepsNothing(async () => {
        const answer = await server.exchange(request)
        return { answer, code: expectProblem(answer, ...refusal) }
      })
      const level = answer.status < 500 ? 'warn' : 'error'
      const lines = log.filter((line) => line.request_id === answer.headers['x-request-id'])
      expect(lines).toEqual([expect.objectContaining({ level, code })])
      return answer
    },

    /** Sends `head` and then `filler` repeatedly. The request must be refused while bytes are still being sent. */
    async refusesEndless(head: Uint8Array, filler: Uint8Array, ...refusal: Refusal): Promise<void> {
      await server.keepsNothing(async () => {
        const wire = await server.connect().send(head)
        expect(await wire.sendUntilAnswered(filler)).toBe(true)
        expectProblem(await wire.answer(), ...refusal)
        await wire.closed()
      })
    },

    /** Sends an upload with a field that must be refused before the file and after it. */
    async refusesField(name: string, value: Bytes, ...refusal: Refusal): Promise<void> {
      await server.refuses(post(form(field(name, value), file())), ...refusal)
      await server.refuses(post(form(file(pngOf(50_000)), field(name, value))), ...refusal)
    },

    /** Expects that `send` leaves no media item and no file behind. */
    async keepsNothing<T>(send: () => Promise<T>): Promise<T> {
      const before = await server.stored()
      const result = await send()
      await server.untilSettled()
      expect(await server.stored()).toEqual(before)
      return result
    },

    /** Sends an upload that must be accepted, and waits for its end. */
    async works(): Promise<void> {
      await server.accepts(post(form(file())))
      await server.untilSettled()
    },

    /** All rows, oldest first. */
    async rows(): Promise<Media[]> {
      const rows = (await media.scan(undefined, Number.POSITIVE_INFINITY))._unsafeUnwrap()
      return rows.toSorted((a, b) => a.createdAt.getTime() - b.createdAt.getTime())
    },

    /** The stored media items, oldest first. */
    async stored(): Promise<Stored[]> {
      return (await server.rows()).filter((row) => row.state === 'stored')
    },

    /** The names of all files of the storage, including incomplete ones. */
    async filesOnDisk(): Promise<string[]> {
      return filesIn(folder).map((path) => basename(path))
    },

    /** Waits until the storage writes a file. */
    async untilReceiving(): Promise<void> {
      await expect.poll(() => server.filesOnDisk(), WAIT).toContainEqual(expect.stringMatching(/\.part$/))
    },

    /** Waits until no upload is in progress and the storage has exactly the files of the stored media items. */
    async untilSettled(): Promise<void> {
      await vi.waitFor(async () => {
        expect((await server.rows()).map(({ state }) => state)).not.toContain('receiving')
        const keys = (await server.stored()).map(({ storageKey }) => storageKey)
        expect((await server.filesOnDisk()).toSorted()).toEqual(keys.toSorted())
      }, WAIT)
    },

    /** From now on the server refuses requests with `shutting-down`. */
    drain(): void {
      isDraining = true
    },

    /** Stops the server. Connections that are still open after `drainMs` are destroyed. */
    async stop(drainMs = 10_000): Promise<void> {
      await closeServer(httpServer, drainMs, () => (isCutOff = true))
    },
  }
  onEnd(async () => {
    for (const wire of wires) wire.leave()
    if (httpServer.listening) await closeServer(httpServer, 0)
    await mediaport.close()
  })
  return server
}

/** For `vi.waitFor`. Long enough for a busy machine. */
const WAIT = { timeout: 10_000, interval: 5 }

const SECURITY_HEADERS = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cache-control': 'no-store',
}

/**
 * Expects a problem document (RFC 9457) with all headers that every answer has.
 *
 * @param refusal The expected status and code. By default those in the title of the test: `… is refused with 400 bad-host`.
 * @returns The code.
 */
export function expectProblem(answer: Answer, ...refusal: Refusal): string | undefined {
  const [status = refusalInTitle().statuses[0], code = refusalInTitle().code] = refusal
  const text = answer.body.toString()
  expect([answer.status, text]).toEqual([status, expect.stringContaining(`"/problems/${code}"`)])
  const problem: { request_id: string; title: string } = json(answer)
  expect(problem).toMatchObject({ type: `/problems/${code}`, status, title: expect.stringMatching(/\w/) })
  expect(answer.headers).toMatchObject({ ...SECURITY_HEADERS, 'x-request-id': problem.request_id })
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json(;|$)/)
  expect(problem.request_id).toMatch(/^[0-9a-f-]{36}$/)
  expect(text).not.toMatch(/[\p{Cc}\u2028\u2029\u202A-\u202E]|node_modules|node:|\w\.[jt]s\b|\/tmp\//u)
  return code
}

/** The form of the titles of tests about one refused input. A refusal by the HTTP parser of Node.js has no code. */
export const REFUSAL =
  /(?<input>.+) is refused with (?<status>\d{3}(?:(?:, | or )\d{3})*)(?: (?<code>[a-z][a-z0-9-]*))?(?=:|$)/

/** The status, or the possible statuses, and the code in the title of the test. */
export function refusalInTitle(): { statuses: number[]; code: string | undefined } {
  const { currentTestName = '' } = expect.getState()
  const { status, code } = REFUSAL.exec(currentTestName)?.groups ?? {}
  if (status === undefined) throw new Error(`The title does not say "is refused with …": ${currentTestName}`)
  return { statuses: status.split(/\D+/).map(Number), code }
}

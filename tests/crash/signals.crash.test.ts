/** SIGTERM to idle and busy servers and workers, once and twice. */
import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { ServerProcess } from '../integration/mediaport-process.ts'
import { request, upload } from './client.ts'
import { proxyBefore } from './proxied.ts'
import { concurrent, long, testVerdict, until, useInstallation } from './suite.ts'

/** The maximum time from the end of the last request to the exit, in seconds. */
const PROMPT = 3
/** The time limits of requests and of jobs at shutdown, in seconds. */
const DRAIN = 30
const JOBS = 15

const installation = await useInstallation('filesystem')
const { database, log } = installation
// This server runs the remaining jobs.
const standby = await installation.start()
const startServer = () => installation.start('serve', { WORKER: 'off' })

/** Starts an upload. Resolves when its row exists. */
async function startUpload(url: string, title: string, pauseMs: number, size = 1_000_000) {
  const response = upload(url, log, { title, filename: `${title}.png`, size, pauseMs, timeoutMs: 60_000 })
  await until('the upload is in progress', async () => {
    const row = await database.query(`select from media_job where filename = '${title}.png' and state = 'receiving'`)
    return row.rowCount === 1
  })
  return { response }
}

async function terminate(server: ServerProcess): Promise<{ status: number | null; seconds: number }> {
  const start = performance.now()
  await installation.kill(server, 'SIGTERM')
  const { status } = await server.ended
  return { status, seconds: (performance.now() - start) / 1000 }
}

function expectExit({ status, seconds }: Awaited<ReturnType<typeof terminate>>, expected: number, maxSeconds: number) {
  expect(status).toBe(expected)
  expect(seconds).toBeLessThanOrEqual(maxSeconds)
}

test('SIGTERM to an idle server', concurrent, async () => {
  expectExit(await terminate(await startServer()), 0, PROMPT)
})

test('SIGTERM during an upload', concurrent, async ({ annotate }) => {
  const server = await startServer()
  const { response } = await startUpload(server.url, 'in progress', 150)
  const exit = terminate(server)
  await setTimeout(200)
  expect([undefined, 503]).toContain((await request(`${server.url}/ping/`)).status)
  const answer = await response
  expect(answer).toMatchObject({ status: 201 })
  const { status, seconds } = await exit
  expectExit({ status, seconds }, 0, answer.seconds + PROMPT)
  await annotate(`exited after ${seconds.toFixed(1)} s`)
})

test('SIGTERM during an upload that does not end', { ...concurrent, ...long }, async () => {
  const server = await startServer()
  const { response } = await startUpload(server.url, 'endless', 1000, 4_000_000)
  expectExit(await terminate(server), 0, DRAIN + PROMPT)
  expect((await response).status).not.toBe(201)
})

test('SIGTERM twice, during an upload', concurrent, async () => {
  const server = await startServer()
  const { response } = await startUpload(server.url, 'twice', 300)
  const exit = terminate(server)
  await setTimeout(300)
  server.child.kill('SIGTERM')
  expectExit(await exit, 1, PROMPT)
  expect((await response).status).toBeUndefined()
})

test('SIGTERM to a worker whose job waits for MongoDB', async () => {
  const { proxy, variables } = await proxyBefore(installation, 'MONGODB_URL')
  const worker = await installation.start('worker', variables)
  proxy.newConnections = 'hang'
  proxy.silence()
  await installation.kill(standby, 'SIGTERM')
  const front = await startServer()
  await upload(front.url, log, { title: 'job waits' })
  await until('a job is in progress', async () => {
    const jobs = await database.query(`select from pgboss.job where name = 'describe-media' and state = 'active'`)
    return jobs.rowCount === 1
  })
  expectExit(await terminate(worker), 0, JOBS)
  proxy.close()
  // Runs the job that was returned to the queue.
  await installation.start('worker')
})

testVerdict(installation)

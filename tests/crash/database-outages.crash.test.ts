/** PostgreSQL that a worker cannot reach, whose name cannot be resolved, and whose disk is full. */
import { execFile } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { format, request, upload } from './client.ts'
import { Installation, services } from './installation.ts'
import { ownDisk } from './own-disk.ts'
import { OwnServer } from './own-server.ts'
import { proxyBefore } from './proxied.ts'
import { readStores } from './stores.ts'
import {
  expectHealth,
  expectNothingLost,
  long,
  testVerdict,
  until,
  untilUploadsSucceed,
  useInstallation,
} from './suite.ts'

const SECONDS = 5
/** Three queues, the reaper and the maintenance of the queue may each try once a second. */
const TRIES_A_SECOND = 5
/** The time that a request waits for a server that starts, in seconds. */
const STARTING = 10

const installation = await useInstallation('filesystem')
const { log } = installation
const { url } = await installation.start('serve', { WORKER: 'off' })
const { proxy, variables } = await proxyBefore(installation, 'DATABASE_URL')
await installation.start('worker', variables)
const hasNoJobs = async () => (await readStores(installation)).jobs.length === 0

test('PostgreSQL resets every connection of a worker', async ({ annotate }) => {
  await upload(url, log, { title: 'jobs wait' })
  proxy.newConnections = 'reset'
  proxy.cut()
  const before = proxy.count
  await setTimeout(SECONDS * 1000)
  const tries = (proxy.count - before) / SECONDS
  expect(tries).toBeGreaterThan(0)
  expect(tries).toBeLessThanOrEqual(TRIES_A_SECOND)
  await proxy.recover()
  const seconds = await until('all jobs are done', hasNoJobs)
  await annotate(`${tries.toFixed(1)} tries a second, all jobs done after ${seconds.toFixed(1)} s`)
})

test("a worker's connections to PostgreSQL hang, new ones work", long, async ({ annotate }) => {
  proxy.silence()
  await upload(url, log, { title: 'jobs wait again' })
  const seconds = await until('all jobs are done', hasNoJobs, 60_000)
  await annotate(`all jobs done after ${seconds.toFixed(1)} s`)
})

test('the host name of PostgreSQL cannot be resolved', long, async () => {
  const unknown = Object.assign(new URL(installation.database.url), { hostname: 'no-such-host.invalid' })
  const server = installation.launch('serve', { DATABASE_URL: unknown.href })
  await server.ready('listening on')
  await expectHealth(server.url, 503)
  const response = await upload(server.url, log, { title: 'without a database' })
  expect(response).toMatchObject({ status: 503, code: 'starting' })
  expect(response.seconds).toBeLessThan(STARTING + 1)
  await installation.kill(server)
})

testVerdict(installation)

/** Only the files of the database are on the full disk. Without space for its log PostgreSQL would exit. */
test('the disk of PostgreSQL is full (53100)', long, async (context) => {
  const disk = await ownDisk('24m')
  if ('reason' in disk) return context.skip(disk.reason)
  await promisify(execFile)('chown', ['postgres', disk.folder])
  const postgres = await OwnServer.postgres()
  context.onTestFinished(() => postgres.remove())
  await postgres.start()
  const on = { ...services(), postgres: postgres.url }
  const [small, admin] = [await Installation.open('filesystem', {}, on), await Installation.open('filesystem', {}, on)]
  for (const each of [small, admin]) context.onTestFinished(() => each.close())
  const name = new URL(small.database.url).pathname.slice(1)
  await admin.database.query(`create tablespace small location '${disk.folder}'`)
  await admin.database.query(`alter database ${name} set tablespace small`)
  const { url } = await small.start()

  const filler = join(disk.folder, 'filler')
  await promisify(execFile)('dd', ['if=/dev/zero', `of=${filler}`, 'bs=4k']).catch(() => undefined)
  const probe = small.database.query('create table probe as select generate_series(1, 100000)')
  await expect(probe).rejects.toMatchObject({ code: '53100' })
  let count = 0
  let refused = await upload(url, small.log, { title: `until full ${count}` })
  while (refused.status === 201 && count < 2000)
    refused = await upload(url, small.log, { title: `until full ${++count}`, size: 5000 })
  expect(refused).toMatchObject({ status: 503 })
  await context.annotate(`after ${count} uploads ${format(refused)}`)
  expect(await request(`${url}/media/`)).toMatchObject({ status: 200 })
  await rm(filler)
  await untilUploadsSucceed(url, small, context)
  await expectNothingLost(small, context)
})

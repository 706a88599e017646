/** PostgreSQL that a worker cannot reach, whose name cannot be resolved, and whose disk is full. */
import { execFile } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { FaultProxy } from '../fault-proxy.ts'
import { addressOf } from '../services.ts'
import { ClientLog } from './client-log.ts'
import { checkUntil, type Fault, playFaults, skippedRow } from './faults.ts'
import { Installation } from './installation.ts'
import { ownDisk } from './own-disk.ts'
import { OwnServer } from './own-server.ts'
import type { Part, PartOptions, Row } from './part.ts'
import { readStores } from './stores.ts'
import { checkHealth, checkUploads, format, request, upload } from './timed-requests.ts'

const run = promisify(execFile)
const SECONDS = 5
/** Three queues, the reaper and the maintenance of the queue may each try once a second. */
const TRIES_A_SECOND = 5
/** The time that a request waits for a server that starts, in seconds. */
const STARTING = 10

export const databaseOutages: Part = async (options) => [
  ...(await workers(options)),
  ...(options.isFull ? await fullDisk(options) : []),
]

async function workers(options: PartOptions): Promise<readonly Row[]> {
  const [installation, log] = [await Installation.open('filesystem'), new ClientLog()]
  const { url } = await installation.start('serve', { WORKER: 'off' })
  const address = installation.database.url
  const proxy = await FaultProxy.before(Number(new URL(address).port))
  await installation.start('worker', { DATABASE_URL: proxy.inFrontOf(address) })
  const hasNoJobs = async () => (await readStores(installation)).jobs.length === 0

  const faults: Fault[] = [
    {
      what: 'PostgreSQL resets every connection of a worker',
      tried: `for ${SECONDS} s`,
      isAlone: true,
      async play(check) {
        await upload(url, log, { title: 'jobs wait' })
        proxy.newConnections = 'reset'
        proxy.cut()
        const before = proxy.count
        await setTimeout(SECONDS * 1000)
        const tries = (proxy.count - before) / SECONDS
        check(`${tries.toFixed(1)} tries a second`, tries > 0 && tries <= TRIES_A_SECOND)
        await proxy.recover()
        await checkUntil(check, 'all jobs done', hasNoJobs)
      },
    },
    {
      what: "a worker's connections to PostgreSQL hang, new ones work",
      isLong: true,
      isAlone: true,
      async play(check) {
        proxy.silence()
        await upload(url, log, { title: 'jobs wait again' })
        await checkUntil(check, 'all jobs done', hasNoJobs, 60_000)
      },
    },
    {
      what: 'the host name of PostgreSQL cannot be resolved',
      isLong: true,
      isAlone: true,
      async play(check) {
        const unknown = Object.assign(new URL(address), { hostname: 'no-such-host.invalid' })
        const server = installation.launch('serve', { DATABASE_URL: unknown.href })
        await server.ready('listening on')
        await checkHealth(check, server.url, 503)
        const answer = await upload(server.url, log, { title: 'without a database' })
        check(format(answer), answer.status === 503 && answer.code === 'starting' && answer.seconds < STARTING + 1)
        await installation.kill(server)
      },
    },
  ]
  const rows = await playFaults('PostgreSQL and workers', faults, installation, log, options)
  proxy.close()
  return rows
}

/** Only the files of the database are on the full disk. Without space for its log PostgreSQL would exit. */
async function fullDisk(options: PartOptions): Promise<readonly Row[]> {
  const what = 'the disk of PostgreSQL is full (53100)'
  const disk = await ownDisk('24m')
  if ('reason' in disk) return [skippedRow(what, disk.reason)]
  const { folder } = disk
  await run('chown', ['postgres', folder])
  const postgres = await OwnServer.postgres()
  await postgres.start()
  const services = {
    postgres: `postgres://media@127.0.0.1:${postgres.port}/postgres`,
    mongo: addressOf('MONGODB_URL'),
    redis: addressOf('REDIS_URL'),
  }
  const [installation, log] = [await Installation.open('filesystem', {}, services), new ClientLog()]
  const name = new URL(installation.database.url).pathname.slice(1)
  const admin = await Installation.open('filesystem', {}, services)
  await admin.database.query(`create tablespace small location '${folder}'`)
  await admin.database.query(`alter database ${name} set tablespace small`)
  const { url } = await installation.start()
  const filler = join(folder, 'filler')
  const fault: Fault = {
    what,
    tried: 'uploads until it is full',
    isAlone: true,
    async play(check) {
      await run('dd', ['if=/dev/zero', `of=${filler}`, 'bs=4k']).catch(() => undefined)
      const probe = await installation.database.query('create table probe as select generate_series(1, 100000)').then(
        () => undefined,
        (error: { code?: string }) => error.code,
      )
      check(`PostgreSQL answers ${probe}`, probe === '53100')
      let count = 0
      let refused = await upload(url, log, { title: `until full ${count}` })
      while (refused.status === 201 && count < 2000)
        refused = await upload(url, log, { title: `until full ${++count}`, size: 5000 })
      check(`after ${count} uploads ${format(refused)}`, refused.status === 503)
      const read = await request(`${url}/media/`)
      check(`a list ${read.status}`, read.status === 200)
      await rm(filler)
      await checkUploads(check, url, log)
    },
  }
  const rows = await playFaults('full disk of PostgreSQL', [fault], installation, log, options)
  await admin.close()
  await postgres.remove()
  return rows
}

/** PostgreSQL out of reach of a worker, unknown by its name, and on a disk that is full. */
import { execFile } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { FaultProxy } from '../fault-proxy.ts'
import { addressOf } from '../services.ts'
import { ClientLog } from './client-log.ts'
import { type Fault, notHere, playFaults, seeUntil } from './faults.ts'
import { Installation } from './installation.ts'
import { look } from './look.ts'
import { ownDisk } from './own-disk.ts'
import { OwnServer } from './own-server.ts'
import { type Options, type Part, type Row, runAlone } from './part.ts'
import { inWords, seeHealth, told, upload } from './told.ts'

const run = promisify(execFile)
const SECONDS = 5
/** Three queues, the reaper and the queue's own upkeep may each try once a second. */
const TRIES_A_SECOND = 5
/** A request waits so long for a server that starts. */
const STARTING = 10

export const databaseOutages: Part = async (options) => [
  ...(await workers(options)),
  ...(options.isFull ? await fullDisk(options) : []),
]

async function workers(options: Options): Promise<readonly Row[]> {
  const [installation, log] = [await Installation.open('filesystem'), new ClientLog()]
  const { url } = await installation.start('serve', { WORKER: 'off' })
  const address = installation.database.url
  const proxy = await FaultProxy.before(Number(new URL(address).port))
  await installation.start('worker', { DATABASE_URL: proxy.inFrontOf(address) })
  const isDone = async () => (await look(installation)).jobs.length === 0

  const faults: Fault[] = [
    {
      what: 'PostgreSQL resets every connection of a worker',
      tried: `for ${SECONDS} s`,
      isAlone: true,
      async play(see) {
        await upload(url, log, { title: 'its jobs wait' })
        proxy.newOnes = 'reset'
        proxy.cut()
        const before = proxy.count
        await setTimeout(SECONDS * 1000)
        const tries = (proxy.count - before) / SECONDS
        see(`${tries.toFixed(1)} tries a second`, tries > 0 && tries <= TRIES_A_SECOND)
        await proxy.recover()
        await seeUntil(see, 'all jobs done', isDone)
      },
    },
    {
      what: "a worker's connections to PostgreSQL fall silent, new ones are sound",
      isLong: true,
      isAlone: true,
      async play(see) {
        proxy.silence()
        await upload(url, log, { title: 'its jobs wait, too' })
        await seeUntil(see, 'all jobs done', isDone, 60_000)
      },
    },
    {
      what: "PostgreSQL's name can't be resolved",
      isLong: true,
      isAlone: true,
      async play(see) {
        const unknown = Object.assign(new URL(address), { hostname: 'no-such-host.invalid' })
        const server = installation.launch('serve', { DATABASE_URL: unknown.href })
        await server.ready('listening on')
        await seeHealth(see, server.url, 503)
        const answer = await upload(server.url, log, { title: 'to nowhere' })
        see(inWords(answer), answer.status === 503 && answer.code === 'starting' && answer.seconds < STARTING + 1)
        await installation.kill(server)
      },
    },
  ]
  const rows = await playFaults('PostgreSQL and workers', faults, installation, log, options)
  proxy.close()
  return rows
}

/** Only the database's own files lie on the disk that gets full: without its log, PostgreSQL would end. */
async function fullDisk(options: Options): Promise<readonly Row[]> {
  const what = 'the disk of PostgreSQL is full (53100)'
  const disk = await ownDisk('24m')
  if ('why' in disk) return [notHere(what, disk.why)]
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
    tried: 'uploads until it was',
    isAlone: true,
    async play(see) {
      await run('dd', ['if=/dev/zero', `of=${filler}`, 'bs=4k']).catch(() => undefined)
      const probe = await installation.database.query('create table probe as select generate_series(1, 100000)').then(
        () => undefined,
        (error: { code?: string }) => error.code,
      )
      see(`PostgreSQL says ${probe}`, probe === '53100')
      let count = 0
      let refused = await upload(url, log, { title: `until full ${count}` })
      while (refused.status === 201 && count < 2000)
        refused = await upload(url, log, { title: `until full ${++count}`, size: 5000 })
      see(`after ${count} uploads ${inWords(refused)}`, refused.status === 503)
      const read = await told(`${url}/media/`)
      see(`a list ${read.status}`, read.status === 200)
      await rm(filler)
      await seeUntil(see, 'uploads taken again', async () => {
        const { status } = await upload(url, log, { title: `after ${++count}` })
        return status === 201
      })
    },
  }
  const rows = await playFaults('full disk of PostgreSQL', [fault], installation, log, options)
  await admin.close()
  await postgres.remove()
  return rows
}

if (import.meta.main) await runAlone(databaseOutages)

/** A PostgreSQL server that answers, but is locked, read-only, full, without connections, or in conflict. */
import { Client } from 'pg'
import { addressOf } from '../services.ts'
import { ClientLog } from './client-log.ts'
import { checkUntil, type Fault, playFaults } from './faults.ts'
import { Installation } from './installation.ts'
import type { Part } from './part.ts'
import { checkHealth, checkUploads, format, request, type TimedResponse, upload } from './timed-requests.ts'

/** More uploads than the pool has connections, and the size of the pool. */
const [MANY, POOL] = [30, 10]
const TRANSIENT = { deadlock: '40P01', 'serialization failure': '40001' } as const

export const databaseStates: Part = async (options) => {
  const [installation, log] = [await Installation.open('filesystem'), new ClientLog()]
  const { url } = await installation.start()
  const { database } = installation
  const name = new URL(database.url).pathname.slice(1)
  let count = 0
  const send = (title: string, pauseMs?: number) =>
    upload(url, log, { title: `${title} ${++count}`, ...(pauseMs !== undefined && { pauseMs, size: 2_000_000 }) })

  const faults: Fault[] = [
    {
      what: 'the table is locked, so that all connections of the pool wait',
      tried: `${MANY} uploads`,
      isAlone: true,
      async play(check) {
        const lock = await connected(database.url)
        await lock.query('begin; lock table media_job in access exclusive mode')
        const answers = await Promise.all(Array.from({ length: MANY }, () => send('while locked')))
        await lock.end()
        check(
          ...summary(answers, ({ status, code, seconds }) => status === 503 && code === 'unavailable' && seconds < 5.5),
        )
        await checkUploads(check, url, log)
      },
    },
    {
      what: 'more slow uploads than the pool has connections',
      tried: `${MANY} uploads`,
      isAlone: true,
      async play(check) {
        const slow = Array.from({ length: MANY }, () => send('slow', 100))
        await checkUntil(check, `more than ${POOL} in progress`, async () => {
          const { rowCount } = await database.query(`select from media_job where state = 'receiving'`)
          return (rowCount ?? 0) > POOL
        })
        const [read, quick] = [await request(`${url}/media/`), await send('quick')]
        check(
          `at the same time a list ${format(read)} and an upload ${format(quick)}`,
          read.status === 200 && quick.status === 201 && read.seconds + quick.seconds < 2,
        )
        check(...summary(await Promise.all(slow), ({ status }) => status === 201))
      },
    },
    {
      what: 'PostgreSQL has no free connection (53300)',
      isAlone: true,
      async play(check) {
        await inOtherDatabase(`alter database ${name} connection limit 0`)
        await dropConnections(name)
        const answer = await send('without a connection')
        check(format(answer), answer.status === 503 && answer.code === 'unavailable' && answer.seconds < 5)
        await inOtherDatabase(`alter database ${name} connection limit -1`)
        await checkUploads(check, url, log)
      },
    },
    {
      what: 'the database becomes read-only, as in a failover, before and during an upload',
      isAlone: true,
      async play(check) {
        const slow = send('while it becomes read-only', 50)
        await checkUntil(check, 'an upload in progress', async () => {
          const { rowCount } = await database.query(`select from media_job where state = 'receiving'`)
          return rowCount === 1
        })
        await inOtherDatabase(`alter database ${name} set default_transaction_read_only = on`)
        await dropConnections(name)
        const [late, early] = [await slow, await send('read-only')]
        check(`the one in progress ${format(late)}`, late.status === 503)
        check(`a new one ${format(early)}`, early.status === 503 && early.code === 'unavailable')
        const read = await request(`${url}/media/`)
        check(`a list ${read.status}`, read.status === 200)
        await checkHealth(check, url, 503)
        await inOtherDatabase(`alter database ${name} reset default_transaction_read_only`)
        await dropConnections(name)
        await checkUploads(check, url, log)
      },
    },
    ...Object.entries(TRANSIENT).flatMap(([what, code]) =>
      (['insert', 'update'] as const).map(
        (statement): Fault => ({
          what: `a ${what} (${code}) at the ${statement === 'insert' ? 'row' : 'commit'} of an upload`,
          tried: 'twice, then permanently',
          isAlone: true,
          async play(check) {
            await raise(database, statement, code, 2)
            const retried = await send(what)
            check(`twice: ${format(retried)}`, retried.status === 201)
            await raise(database, statement, code, 1e9)
            const permanent = await send(what)
            check(`permanently: ${format(permanent)}`, permanent.status === 503)
            await database.query('drop function raise_something cascade')
            await checkUploads(check, url, log)
          },
        }),
      ),
    ),
  ]
  return playFaults('states of PostgreSQL', faults, installation, log, options)
}

function summary(answers: readonly TimedResponse[], isRight: (answer: TimedResponse) => boolean): [string, boolean] {
  const slowest = Math.max(...answers.map(({ seconds }) => seconds))
  const counts = Map.groupBy(answers, ({ status, code }) => `${status}${code === undefined ? '' : ` ${code}`}`)
  const texts = [...counts].map(([what, same]) => `${same.length} × ${what}`)
  return [`${texts.join(', ')}, the slowest after ${slowest.toFixed(1)} s`, answers.every(isRight)]
}

/** Makes a statement of uploads fail `times` times. A sequence counts, because a rollback does not reset it. */
async function raise(
  database: Installation['database'],
  statement: string,
  code: string,
  times: number,
): Promise<void> {
  await database.query(`
    drop sequence if exists raised; create sequence raised;
    create or replace function raise_something() returns trigger language plpgsql as $$
      begin
        if ${statement === 'update' ? `new.state = 'stored' and` : ''} nextval('raised') <= ${times} then
          raise exception 'again' using errcode = '${code}';
        end if;
        return new;
      end $$;
    create or replace trigger raises before ${statement} on media_job for each row execute function raise_something()`)
}

async function connected(url: string): Promise<Client> {
  const client = new Client({ connectionString: url })
  await client.connect()
  return client
}

/** Runs a statement in another database, which the fault does not affect. */
async function inOtherDatabase(statement: string): Promise<void> {
  const client = await connected(addressOf('POSTGRES_URL'))
  await client.query(statement)
  await client.end()
}

/** Ends the open connections. Settings of a database apply to new connections. */
const dropConnections = (name: string): Promise<void> =>
  inOtherDatabase(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`)

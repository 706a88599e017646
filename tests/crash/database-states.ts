/** A PostgreSQL that answers, but not as it should: locked, read-only, full, without connections, or in conflict. */
import { Client } from 'pg'
import { addressOf } from '../services.ts'
import { ClientLog } from './client-log.ts'
import { type Fault, playFaults, seeUntil } from './faults.ts'
import { Installation } from './installation.ts'
import { type Part, runAlone } from './part.ts'
import { inWords, seeHealth, type Told, told, upload } from './told.ts'

/** More than the pool has connections, which are so many. */
const [MANY, POOL] = [30, 10]
const TRANSIENT = { deadlock: '40P01', 'serialization failure': '40001' } as const

export const databaseStates: Part = async (options) => {
  const [installation, log] = [await Installation.open('filesystem'), new ClientLog()]
  const { url } = await installation.start()
  const { database } = installation
  const name = new URL(database.url).pathname.slice(1)
  let count = 0
  const send = (title: string, pause?: number) =>
    upload(url, log, { title: `${title} ${++count}`, ...(pause !== undefined && { pause, size: 2_000_000 }) })
  const taken = async () => (await send('afterwards')).status === 201

  const faults: Fault[] = [
    {
      what: 'the table is locked, so that all connections of the pool wait',
      tried: `${MANY} uploads`,
      isAlone: true,
      async play(see) {
        const lock = await connected(database.url)
        await lock.query('begin; lock table media_job in access exclusive mode')
        const answers = await Promise.all(Array.from({ length: MANY }, () => send('while locked')))
        await lock.end()
        see(
          ...summary(answers, ({ status, code, seconds }) => status === 503 && code === 'unavailable' && seconds < 5.5),
        )
        await seeUntil(see, 'uploads taken again', taken)
      },
    },
    {
      what: 'more slow uploads than the pool has connections',
      tried: `${MANY} uploads`,
      isAlone: true,
      async play(see) {
        const slow = Array.from({ length: MANY }, () => send('slow', 100))
        await seeUntil(see, `more than ${POOL} under way`, async () => {
          const { rowCount } = await database.query(`select from media_job where state = 'receiving'`)
          return (rowCount ?? 0) > POOL
        })
        const [read, quick] = [await told(`${url}/media/`), await send('quick')]
        see(
          `meanwhile a list ${inWords(read)} and an upload ${inWords(quick)}`,
          read.status === 200 && quick.status === 201 && read.seconds + quick.seconds < 2,
        )
        see(...summary(await Promise.all(slow), ({ status }) => status === 201))
      },
    },
    {
      what: 'PostgreSQL has no connection to spare (53300)',
      isAlone: true,
      async play(see) {
        await elsewhere(`alter database ${name} connection limit 0`)
        await dropConnections(name)
        const answer = await send('without a connection')
        see(inWords(answer), answer.status === 503 && answer.code === 'unavailable' && answer.seconds < 5)
        await elsewhere(`alter database ${name} connection limit -1`)
        await seeUntil(see, 'uploads taken again', taken)
      },
    },
    {
      what: 'the database becomes read-only, as in a failover, before and during an upload',
      isAlone: true,
      async play(see) {
        const slow = send('while it becomes read-only', 50)
        await seeUntil(see, 'an upload under way', async () => {
          const { rowCount } = await database.query(`select from media_job where state = 'receiving'`)
          return rowCount === 1
        })
        await elsewhere(`alter database ${name} set default_transaction_read_only = on`)
        await dropConnections(name)
        const [late, early] = [await slow, await send('read-only')]
        see(`the one under way ${inWords(late)}`, late.status === 503)
        see(`a new one ${inWords(early)}`, early.status === 503 && early.code === 'unavailable')
        const read = await told(`${url}/media/`)
        see(`a list ${read.status}`, read.status === 200)
        await seeHealth(see, url, 503)
        await elsewhere(`alter database ${name} reset default_transaction_read_only`)
        await dropConnections(name)
        await seeUntil(see, 'uploads taken again', taken)
      },
    },
    ...Object.entries(TRANSIENT).flatMap(([what, code]) =>
      (['insert', 'update'] as const).map(
        (statement): Fault => ({
          what: `a ${what} (${code}) at the ${statement === 'insert' ? 'row' : 'commit'} of an upload`,
          tried: 'twice, then without end',
          isAlone: true,
          async play(see) {
            await raise(database, statement, code, 2)
            const retried = await send(what)
            see(`twice: ${inWords(retried)}`, retried.status === 201)
            await raise(database, statement, code, 1e9)
            const given = await send(what)
            see(`without end: ${inWords(given)}`, given.status === 503)
            await database.query('drop function raise_something cascade')
            await seeUntil(see, 'uploads taken again', taken)
          },
        }),
      ),
    ),
  ]
  return playFaults('states of PostgreSQL', faults, installation, log, options)
}

function summary(answers: readonly Told[], isRight: (answer: Told) => boolean): [string, boolean] {
  const slowest = Math.max(...answers.map(({ seconds }) => seconds))
  const counts = Map.groupBy(answers, ({ status, code }) => `${status}${code === undefined ? '' : ` ${code}`}`)
  const words = [...counts].map(([what, those]) => `${those.length} × ${what}`)
  return [`${words.join(', ')}, the slowest after ${slowest.toFixed(1)} s`, answers.every(isRight)]
}

/** Lets a statement of uploads fail as often as told; a sequence counts, because no rollback turns it back. */
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

/** By way of another database, so that nothing done to this one is in the way. */
async function elsewhere(statement: string): Promise<void> {
  const client = await connected(addressOf('POSTGRES_URL'))
  await client.query(statement)
  await client.end()
}

/** Those there are; what is set for a database holds for new ones. */
const dropConnections = (name: string): Promise<void> =>
  elsewhere(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`)

if (import.meta.main) await runAlone(databaseStates)

/** A PostgreSQL server that answers, but is locked, read-only, full, without connections, or in conflict. */
import { Client } from 'pg'
import { expect, test } from 'vitest'
import { addressOf } from '../services.ts'
import { format, request, upload } from './client.ts'
import { expectHealth, testVerdict, until, untilUploadsSucceed, useInstallation } from './suite.ts'

/** More uploads than the pool has connections, and the size of the pool. */
const [MANY, POOL] = [30, 10]
const TRANSIENT = { deadlock: '40P01', 'serialization failure': '40001' } as const

const installation = await useInstallation('filesystem')
const { url } = await installation.start()
const { database, log } = installation
const name = new URL(database.url).pathname.slice(1)

let count = 0
const send = (title: string, pauseMs?: number) =>
  upload(url, log, { title: `${title} ${++count}`, ...(pauseMs !== undefined && { pauseMs, size: 2_000_000 }) })
const sendMany = (title: string, pauseMs?: number) => Array.from({ length: MANY }, () => send(title, pauseMs))
const inProgress = async () => (await database.query(`select from media_job where state = 'receiving'`)).rowCount ?? 0

async function connected(address: string): Promise<Client> {
  const client = new Client({ connectionString: address })
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
const dropConnections = () =>
  inOtherDatabase(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`)

/** Makes a statement of uploads fail `times` times. A sequence counts, because a rollback does not reset it. */
const raise = (statement: string, code: string, times: number) =>
  database.query(`
    drop sequence if exists raised; create sequence raised;
    create or replace function raise_something() returns trigger language plpgsql as $$
      begin
        if ${statement === 'update' ? `new.state = 'stored' and` : ''} nextval('raised') <= ${times} then
          raise exception 'again' using errcode = '${code}';
        end if;
        return new;
      end $$;
    create or replace trigger raises before ${statement} on media_job for each row execute function raise_something()`)

test('the table is locked, so that all connections of the pool wait', async (context) => {
  const lock = await connected(database.url)
  await lock.query('begin; lock table media_job in access exclusive mode')
  const answers = await Promise.all(sendMany('while locked'))
  await lock.end()
  for (const answer of answers) {
    expect(answer).toMatchObject({ status: 503, code: 'unavailable' })
    expect(answer.seconds).toBeLessThan(5.5)
  }
  await untilUploadsSucceed(url, installation, context)
})

test('more slow uploads than the pool has connections', async ({ annotate }) => {
  const slow = sendMany('slow', 100)
  await until(`more than ${POOL} uploads are in progress`, async () => (await inProgress()) > POOL)
  const [read, quick] = [await request(`${url}/media/`), await send('quick')]
  expect(read).toMatchObject({ status: 200 })
  expect(quick).toMatchObject({ status: 201 })
  expect(read.seconds + quick.seconds).toBeLessThan(2)
  await annotate(`at the same time a list ${format(read)} and an upload ${format(quick)}`)
  for (const answer of await Promise.all(slow)) expect(answer).toMatchObject({ status: 201 })
})

test('PostgreSQL has no free connection (53300)', async (context) => {
  await inOtherDatabase(`alter database ${name} connection limit 0`)
  await dropConnections()
  const answer = await send('without a connection')
  expect(answer).toMatchObject({ status: 503, code: 'unavailable' })
  expect(answer.seconds).toBeLessThan(5)
  await inOtherDatabase(`alter database ${name} connection limit -1`)
  await untilUploadsSucceed(url, installation, context)
})

test('the database becomes read-only, as in a failover, before and during an upload', async (context) => {
  const slow = send('while it becomes read-only', 50)
  await until('an upload is in progress', async () => (await inProgress()) === 1)
  await inOtherDatabase(`alter database ${name} set default_transaction_read_only = on`)
  await dropConnections()
  expect(await slow).toMatchObject({ status: 503 })
  expect(await send('read-only')).toMatchObject({ status: 503, code: 'unavailable' })
  expect(await request(`${url}/media/`)).toMatchObject({ status: 200 })
  await expectHealth(url, 503)
  await inOtherDatabase(`alter database ${name} reset default_transaction_read_only`)
  await dropConnections()
  await untilUploadsSucceed(url, installation, context)
})

for (const [what, code] of Object.entries(TRANSIENT))
  for (const statement of ['insert', 'update'])
    test(`a ${what} (${code}) at the ${statement === 'insert' ? 'row' : 'commit'} of an upload`, async (context) => {
      await raise(statement, code, 2)
      expect(await send(what)).toMatchObject({ status: 201 })
      await raise(statement, code, 1e9)
      expect(await send(what)).toMatchObject({ status: 503 })
      await database.query('drop function raise_something cascade')
      await untilUploadsSucceed(url, installation, context)
    })

testVerdict(installation)

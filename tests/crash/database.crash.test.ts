/**
 * PostgreSQL behind a proxy with the faults of networks: the responses to clients, and what the stores contain
 * afterwards.
 */
import { expect } from 'vitest'
import type { Trap } from '../fault-proxy.ts'
import { format, type HttpResponse, request, uploadUnfinished } from './client.ts'
import { proxied } from './proxied.ts'
import { long, testVerdict, until, useInstallation } from './suite.ts'

interface CommitFault extends Omit<Trap, 'pattern'> {
  readonly what: string
  /** The error code of the response, if it is not 201. */
  readonly code?: string
  readonly isLong?: boolean
}

const COMMITS: readonly CommitFault[] = [
  { what: 'COMMIT not received, connection reset', reaches: false, fate: 'cut', code: 'unavailable' },
  { what: 'COMMIT received, connection reset', reaches: true, fate: 'cut' },
  { what: 'COMMIT not received, all reset', reaches: false, fate: 'cut all', code: 'outcome-unknown', isLong: true },
  { what: 'COMMIT received, all reset', reaches: true, fate: 'cut all', code: 'outcome-unknown' },
  { what: 'COMMIT not received, connection hangs', reaches: false, fate: 'hang', code: 'outcome-unknown' },
  { what: 'COMMIT received, connection hangs', reaches: true, fate: 'hang', isLong: true },
  { what: 'COMMIT not received, all hang', reaches: false, fate: 'hang all', code: 'outcome-unknown', isLong: true },
  { what: 'COMMIT received, all hang', reaches: true, fate: 'hang all', code: 'outcome-unknown' },
]

const installation = await useInstallation('filesystem')
// The worker runs the jobs of all servers. It reaches the database without the proxy.
const first = await installation.start()
await installation.start('worker')
await installation.kill(first, 'SIGTERM')
const testFault = proxied(installation, 'DATABASE_URL')

function expectUnavailable(response: HttpResponse, maxSeconds: number): void {
  expect(response).toMatchObject({ status: 503, code: 'unavailable', headers: { 'retry-after': expect.anything() } })
  expect(response.seconds).toBeLessThanOrEqual(maxSeconds)
}

function expectDown(response: HttpResponse): void {
  expect(response).toMatchObject({ status: 503, body: { status: 'down' } })
  expect(response.seconds).toBeLessThan(3)
}

testFault('PostgreSQL refuses connections', {}, async ({ url, proxy }) => {
  await proxy.refuse()
  expectUnavailable(await uploadUnfinished(url), 2)
  expectUnavailable(await request(`${url}/media/`), 2)
  expectDown(await request(`${url}/healthcheck/`))
})

testFault('PostgreSQL resets connections', long, async ({ url, proxy }) => {
  proxy.newConnections = 'reset'
  proxy.cut()
  expectUnavailable(await uploadUnfinished(url), 2)
  expectUnavailable(await request(`${url}/media/`), 2)
})

testFault('PostgreSQL hangs', {}, async ({ url, proxy }) => {
  proxy.newConnections = 'hang'
  proxy.silence()
  const health = request(`${url}/healthcheck/`)
  const [sent, read] = await Promise.all([uploadUnfinished(url), request(`${url}/media/`)])
  expectUnavailable(sent, 5)
  expectUnavailable(read, 5)
  expectDown(await health)
})

testFault('connections to PostgreSQL hang, new ones work', {}, async ({ proxy }) => proxy.silence())

testFault('PostgreSQL delays all data by 100 ms', long, async ({ proxy, send, context }) => {
  proxy.delay = 100
  const response = await send({ title: 'over a slow network' })
  expect(response).toMatchObject({ status: 201 })
  await context.annotate(format(response))
})

testFault('INSERT of the row received, all hang', long, async ({ proxy, send }) => {
  const fired = proxy.trap({ pattern: 'insert into media_job', reaches: true, fate: 'hang all' })
  expectUnavailable(await send({ title: 'an unconfirmed row' }), 5)
  await fired
})

for (const { what, code, isLong = false, reaches, fate } of COMMITS)
  testFault(what, isLong ? long : {}, async ({ proxy, send, context }) => {
    const sent = { title: what, key: what.replaceAll(' ', '-') }
    const fired = proxy.trap({ pattern: 'commit\0', reaches, fate })
    const response = await send(sent)
    await fired
    expect(response).toMatchObject({ status: code === undefined ? 201 : 503, code })
    expect(response.seconds).toBeLessThanOrEqual(code === 'unavailable' ? 5 : 10)
    await context.annotate(format(response))
    await proxy.recover()
    // An upload that was committed is replayed. Another one is stored once its lease has expired.
    let repeated: HttpResponse | undefined
    await until('the repeated upload succeeds', async () => {
      repeated = await send(sent)
      return repeated.status === 201
    })
    expect(repeated?.headers['idempotency-replayed']).toBe(reaches ? 'true' : undefined)
  })

testVerdict(installation)

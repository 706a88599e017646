/** Several processes that do the same work on one database at the same time. */
import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { remove, rename, request, upload } from './client.ts'
import { concurrent, testVerdict, until, useInstallation } from './suite.ts'

const installation = await useInstallation('filesystem')
const { log } = installation
const { url } = await installation.start()

test('an upload that lasts three leases, with two reapers', concurrent, async () => {
  const other = await installation.start()
  const response = await upload(url, log, { title: 'slow and alive', size: 900_000, pauseMs: 500 })
  expect(response).toMatchObject({ status: 201 })
  expect(response.seconds).toBeGreaterThan(6)
  await installation.kill(other)
})

test('one title changed 20 times without pause by two processes', concurrent, async ({ annotate }) => {
  const other = await installation.start()
  const { body } = await upload(url, log, { title: 'changed' })
  for (let n = 1; n <= 20; n++)
    expect(await rename(n % 2 ? url : other.url, log, body, `changed ${n}`)).toMatchObject({ status: 200 })
  const isLatest = async () =>
    (await request(`${url}/media/${String(body['id'])}/title/`)).body['title'] === 'changed 20'
  await annotate(`the last title is read after ${(await until('the last title is read', isLatest)).toFixed(1)} s`)
  await installation.kill(other)
})

test('20 media items deleted while their jobs run', concurrent, async () => {
  for (let n = 0; n < 20; n++) {
    const { body } = await upload(url, log, { title: `deleted ${n}` })
    await setTimeout(n * 50)
    expect(await remove(url, log, body)).toMatchObject({ status: 204 })
  }
})

testVerdict(installation)

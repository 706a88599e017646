/** A file storage behind a network fails in every way. The local ImageKit server plays it. */
import { expect, test } from 'vitest'
import type { Fault as VendorFault } from '../imagekit/faults.ts'
import { format, type HttpResponse, request, upload } from './client.ts'
import { proxied } from './proxied.ts'
import { cannotTest, expectHealth, long, testVerdict, until, untilUploadsSucceed, useInstallation } from './suite.ts'

/** In bytes: less than the limit of ImageKit, and much more than may be buffered in memory. */
const LARGE = 20_000_000
const MAX_BUFFERED = 15_000_000

/** The responses of ImageKit to an upload, and those of mediaport. */
const ANSWERS: readonly (readonly [what: string, fault: VendorFault, status: number, code: string])[] = [
  ['a rate limit (429)', { type: 'rate limit', ms: 1000, times: 1 }, 503, 'unavailable'],
  ['an error page (500)', { type: 'error page', status: 500 }, 503, 'unavailable'],
  ['an error page (503)', { type: 'error page', status: 503 }, 503, 'unavailable'],
  ['a refusal (400)', { type: 'early refusal', status: 400 }, 502, 'storage-error'],
  ['no quota (403)', { type: 'early refusal', status: 403 }, 507, 'insufficient-storage'],
  ['a success before the file is stored (202)', { type: 'accepted' }, 503, 'unavailable'],
  ['another size than that of the file', { type: 'wrong size' }, 502, 'storage-error'],
  ['a success that is lost', { type: 'answer lost' }, 503, 'unavailable'],
  ['a reset during the file', { type: 'reset', afterBytes: 100_000 }, 503, 'unavailable'],
]

/** The responses of ImageKit to a job that describes a file. */
const UNREADABLE: readonly (readonly [what: string, fault: VendorFault, isLong?: boolean])[] = [
  ['an error page (500)', { type: 'error page', status: 500 }],
  ['a rate limit (429)', { type: 'rate limit', ms: 1000, times: Number.POSITIVE_INFINITY }],
  ['a refusal of the key (403)', { type: 'early refusal', status: 403 }],
  ['nothing', { type: 'no answer' }, true],
]

const installation = await useInstallation('imagekit')
const { database, log, vendor } = installation
if (!vendor) throw new Error('The installation has no ImageKit.')
const { url } = await installation.start()
const testFault = proxied(installation, 'IMAGEKIT_UPLOAD_URL')

testFault('ImageKit refuses connections', {}, async ({ url, proxy, send }) => {
  await proxy.refuse()
  const response = await send({ title: 'refused' })
  expect(response).toMatchObject({ status: 503 })
  expect(response.seconds).toBeLessThan(2)
  await expectHealth(url, 503)
})

testFault('the connection to ImageKit is reset during a file', {}, async ({ proxy, send }) => {
  proxy.cutAfter = 1_000_000
  const response = await send({ title: 'cut off', size: 3_000_000 })
  expect(response).toMatchObject({ status: 503 })
  expect(response.seconds).toBeLessThan(2)
})

testFault('ImageKit accepts 64 KiB in 0.1 s', {}, async ({ proxy, send, context }) => {
  proxy.delay = 100
  const response = await send({ title: 'slow', size: 2_000_000, timeoutMs: 60_000 })
  expect(response).toMatchObject({ status: 201 })
  await context.annotate(format(response))
})

// The storage timeout in seconds: as the test sets it, and the default.
for (const seconds of [4, 60]) {
  const testTimeout = proxied(
    installation,
    'IMAGEKIT_UPLOAD_URL',
    seconds === 4 ? { STORAGE_TIMEOUT_SECONDS: '4' } : {},
  )
  const options = seconds === 4 ? {} : long
  const expectTimeout = (response: HttpResponse) => {
    expect(response).toMatchObject({ status: 504, code: 'storage-timeout' })
    expect(response.seconds).toBeLessThan(seconds + 4)
  }

  // The sender must wait, too: its bytes may not be buffered in memory.
  testTimeout(
    `ImageKit hangs during a file, with a timeout of ${seconds} s`,
    options,
    async ({ server, proxy, send, context }) => {
      const before = await server.residentBytes()
      let peak = before
      const timer = setInterval(() => void server.residentBytes().then((now) => (peak = Math.max(peak, now))), 200)
      const fired = proxy.trap({ pattern: 'PNG', reaches: true, fate: 'hang' })
      const response = await send({ title: `hangs ${seconds}`, size: LARGE, timeoutMs: 90_000 })
      clearInterval(timer)
      await fired
      expectTimeout(response)
      await context.annotate(`with ${LARGE / 1e6} MB, memory grew by ${((peak - before) / 1e6).toFixed(0)} MB`)
      expect(peak - before).toBeLessThan(MAX_BUFFERED)
    },
  )

  testTimeout(
    `ImageKit receives all bytes and never answers, with a timeout of ${seconds} s`,
    options,
    async ({ proxy, send }) => {
      const fired = proxy.trap({ pattern: 'PNG', reaches: true, fate: 'hang' })
      const response = await send({ title: `no answer in ${seconds} s`, size: 30_000, timeoutMs: 90_000 })
      await fired
      expectTimeout(response)
    },
  )
}

for (const [what, fault, status, code] of ANSWERS)
  test(`ImageKit answers with ${what}`, async (context) => {
    vendor.faults.upload = { ...fault }
    const response = await upload(url, log, { title: what, size: 500_000 })
    expect(response).toMatchObject({ status, code })
    if (status === 503) expect(response.headers).toHaveProperty('retry-after')
    vendor.faults.upload = undefined
    await untilUploadsSucceed(url, installation, context)
  })

// The job is postponed, but never given up.
for (const [what, fault, isLong = false] of UNREADABLE)
  test(`ImageKit answers a job with ${what}`, isLong ? long : {}, async ({ annotate }) => {
    const jobs = async (which: string) =>
      (await database.query(`select from pgboss.job where name = 'describe-media' and ${which}`)).rowCount
    // A job of an earlier file would be postponed first.
    await until('no job is left', async () => (await jobs(`state < 'completed'`)) === 0)
    let requests = 0
    const type = () => {
      requests++
      return fault.type
    }
    vendor.faults.api = Object.defineProperty({ ...fault }, 'type', { get: type })
    const stored = await upload(url, log, { title: `described later: ${what}` })
    expect(stored).toMatchObject({ status: 201 })
    const id = String(stored.body['id'])
    await until('its job is active', async () => (await jobs(`state = 'active' and data->>'id' = '${id}'`)) === 1)
    const before = requests
    await until('the job sends a request', async () => requests > before)
    const status = async () => (await request(`${url}/media/${id}/metadata/`)).body['status']
    expect(await status()).toBe('pending')
    vendor.faults.api = undefined
    const isDescribed = async () => ['ready', 'none'].includes(String(await status()))
    await annotate(`described after ${(await until('it is described', isDescribed, 60_000)).toFixed(1)} s`)
  })

test('ImageKit refuses the key (401, 403)', async () => {
  const server = await installation.start('serve', { IMAGEKIT_PRIVATE_KEY: 'private_wrong', WORKER: 'off' })
  const response = await upload(server.url, log, { title: 'with a wrong key' })
  expect(response).toMatchObject({ status: 502, code: 'storage-error' })
  await expectHealth(server.url, 503)
  await installation.kill(server)
})

testVerdict(installation)
cannotTest('S3 answers the completion of a multipart upload with an error in a 200', 'this version has no S3 storage')
cannotTest('a resumable upload (tus) is interrupted at any step', 'this version has no resumable uploads')

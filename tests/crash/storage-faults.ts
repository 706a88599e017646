/** A file storage behind a network fails in every way. The local ImageKit server plays it. */
import type { FaultProxy } from '../fault-proxy.ts'
import type { ServerProcess } from '../integration/mediaport-process.ts'
import { ClientLog } from './client-log.ts'
import { type Check, type Fault, playFaults, skippedRow } from './faults.ts'
import { Installation, type Variables } from './installation.ts'
import type { Part } from './part.ts'
import { proxied } from './proxied.ts'
import { answersOf, unreadable } from './storage-answers.ts'
import { checkHealth, format, type TimedResponse, upload } from './timed-requests.ts'

/** In bytes: less than the limit of ImageKit, and much more than may be buffered in memory. */
const LARGE = 20_000_000
const MAX_BUFFERED = 15_000_000

/** The storage timeout in seconds: as the test sets it, and the default. */
const TIMEOUT_SECONDS = [4, 60] as const

export const storageFaults: Part = async (options) => {
  const [installation, log] = [await Installation.open('imagekit'), new ClientLog()]
  const { url } = await installation.start()
  const behind = (extra: Variables) =>
    proxied({ installation, log, variable: 'IMAGEKIT_UPLOAD_URL', extra: { WORKER: 'off', ...extra } })
  const fault = behind({})

  const faults: Fault[] = [
    ...answersOf(installation, url, log),
    ...unreadable(installation, url, log),
    {
      what: 'ImageKit refuses the key (401, 403)',
      isAlone: true,
      async play(check) {
        const server = await installation.start('serve', { IMAGEKIT_PRIVATE_KEY: 'private_wrong', WORKER: 'off' })
        const answer = await upload(server.url, log, { title: 'with a wrong key' })
        check(format(answer), answer.status === 502 && answer.code === 'storage-error')
        await checkHealth(check, server.url, 503)
        await installation.kill(server)
      },
    },
    fault({ what: 'ImageKit refuses connections' }, async ({ url, proxy, log, check }) => {
      await proxy.refuse()
      const answer = await upload(url, log, { title: 'refused' })
      check(format(answer), answer.status === 503 && answer.seconds < 2)
      await checkHealth(check, url, 503)
    }),
    fault({ what: 'the connection to ImageKit is reset during a file' }, async ({ url, proxy, log, check }) => {
      proxy.cutAfter = 1_000_000
      const answer = await upload(url, log, { title: 'cut off', size: 3_000_000 })
      check(format(answer), answer.status === 503 && answer.seconds < 2)
    }),
    fault({ what: 'ImageKit accepts 64 KiB in 0.1 s' }, async ({ url, proxy, log, check }) => {
      proxy.delay = 100
      const answer = await upload(url, log, { title: 'slow', size: 2_000_000, timeoutMs: 60_000 })
      check(format(answer), answer.status === 201)
    }),
    ...TIMEOUT_SECONDS.flatMap((seconds) => {
      const timedFault = seconds === 4 ? behind({ STORAGE_TIMEOUT_SECONDS: '4' }) : fault
      const [suffix, isLong] = [`, with a timeout of ${seconds} s`, seconds > 4]
      return [
        timedFault(
          { what: `ImageKit hangs during a file${suffix}`, isLong },
          async ({ server, url, proxy, log, check }) => hang(check, { server, url, proxy, log, seconds }),
        ),
        timedFault(
          { what: `ImageKit receives all bytes and never answers${suffix}`, isLong },
          async ({ url, proxy, log, check }) => {
            const fired = proxy.trap({ pattern: 'PNG', reaches: true, fate: 'hang' })
            const answer = await upload(url, log, {
              title: `no answer in ${seconds} s`,
              size: 30_000,
              timeoutMs: 90_000,
            })
            await fired
            check(...timeout(answer, seconds))
          },
        ),
      ]
    }),
  ]
  return [
    ...(await playFaults('ImageKit', faults, installation, log, options)),
    skippedRow(
      'S3 answers the completion of a multipart upload with an error in a 200',
      'this version has no S3 storage',
    ),
    skippedRow('a resumable upload (tus) is interrupted at any step', 'this version has no resumable uploads'),
  ]
}

interface HangOptions {
  readonly server: ServerProcess
  readonly url: string
  readonly proxy: FaultProxy
  readonly log: ClientLog
  readonly seconds: number
}

/** The sender must wait, too: its bytes may not be buffered in memory. */
async function hang(check: Check, { server, url, proxy, log, seconds }: HangOptions): Promise<void> {
  const before = await server.residentBytes()
  let peak = before
  const timer = setInterval(() => void server.residentBytes().then((now) => (peak = Math.max(peak, now))), 200)
  const fired = proxy.trap({ pattern: 'PNG', reaches: true, fate: 'hang' })
  const answer = await upload(url, log, { title: `hangs ${seconds}`, size: LARGE, timeoutMs: 90_000 })
  clearInterval(timer)
  await fired
  check(...timeout(answer, seconds))
  const growth = peak - before
  check(`with ${LARGE / 1e6} MB, memory grew by ${(growth / 1e6).toFixed(0)} MB`, growth < MAX_BUFFERED)
}

const timeout = (answer: TimedResponse, seconds: number): [string, boolean] => [
  format(answer),
  answer.status === 504 && answer.code === 'storage-timeout' && answer.seconds < seconds + 4,
]

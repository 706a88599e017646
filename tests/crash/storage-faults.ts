/** A file storage on the other side of a network, played by the double of ImageKit, fails in every way. */
import type { FaultProxy } from '../fault-proxy.ts'
import type { ServerProcess } from '../integration/mediaport-process.ts'
import { ClientLog } from './client-log.ts'
import { type Fault, notHere, playFaults, type See } from './faults.ts'
import { Installation, type Variables } from './installation.ts'
import { type Part, runAlone } from './part.ts'
import { proxied } from './proxied.ts'
import { answersOf, unreadable } from './storage-answers.ts'
import { inWords, seeHealth, type Told, upload } from './told.ts'

const SHORT = new URL('short-patience.ts', import.meta.url).href
/** Bytes: less than ImageKit takes, and much more than may lie in memory. */
const LARGE = 20_000_000
const MAY_LIE_IN_MEMORY = 15_000_000

/** In seconds: as a preloaded module sets it, and by default. */
const PATIENCE = [4, 60] as const

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
      what: 'ImageKit does not know the key (401, 403)',
      isAlone: true,
      async play(see) {
        const server = await installation.start('serve', { IMAGEKIT_PRIVATE_KEY: 'private_wrong', WORKER: 'off' })
        const answer = await upload(server.url, log, { title: 'with a wrong key' })
        see(inWords(answer), answer.status === 502 && answer.code === 'storage-error')
        await seeHealth(see, server.url, 503)
        await installation.kill(server)
      },
    },
    fault({ what: 'ImageKit refuses connections' }, async ({ url, proxy, log, see }) => {
      await proxy.refuse()
      const answer = await upload(url, log, { title: 'refused' })
      see(inWords(answer), answer.status === 503 && answer.seconds < 2)
      await seeHealth(see, url, 503)
    }),
    fault({ what: 'ImageKit is cut off in the midst of a file' }, async ({ url, proxy, log, see }) => {
      proxy.cutAfter = 1_000_000
      const answer = await upload(url, log, { title: 'cut off', size: 3_000_000 })
      see(inWords(answer), answer.status === 503 && answer.seconds < 2)
    }),
    fault({ what: 'ImageKit takes 64 KiB in 0.1 s' }, async ({ url, proxy, log, see }) => {
      proxy.delay = 100
      const answer = await upload(url, log, { title: 'slow', size: 2_000_000, patience: 60_000 })
      see(inWords(answer), answer.status === 201)
    }),
    ...PATIENCE.flatMap((seconds) => {
      const patient = seconds === 4 ? behind({ NODE_OPTIONS: `--import=${SHORT}` }) : fault
      const [after, isLong] = [`, with ${seconds} s of patience`, seconds > 4]
      return [
        patient(
          { what: `ImageKit hangs in the midst of a file${after}`, isLong },
          async ({ server, url, proxy, log, see }) => hang(see, { server, url, proxy, log, seconds }),
        ),
        patient(
          { what: `ImageKit has all bytes and never answers${after}`, isLong },
          async ({ url, proxy, log, see }) => {
            const sprung = proxy.trap({ pattern: 'PNG', reaches: true, fate: 'hang' })
            const answer = await upload(url, log, {
              title: `no answer in ${seconds} s`,
              size: 30_000,
              patience: 90_000,
            })
            await sprung
            see(...timeout(answer, seconds))
          },
        ),
      ]
    }),
  ]
  return [
    ...(await playFaults('ImageKit', faults, installation, log, options)),
    notHere('S3 completes a multipart upload with an error in its 200', 'this version has no S3 storage'),
    notHere('a resumable upload (tus) is cut off at any step', 'this version has no resumable uploads'),
  ]
}

interface Hanging {
  readonly server: ServerProcess
  readonly url: string
  readonly proxy: FaultProxy
  readonly log: ClientLog
  readonly seconds: number
}

/** The sender has to wait, too: what it has sent by then may not lie in memory. */
async function hang(see: See, { server, url, proxy, log, seconds }: Hanging): Promise<void> {
  const before = await server.residentBytes()
  let peak = before
  const watching = setInterval(() => void server.residentBytes().then((now) => (peak = Math.max(peak, now))), 200)
  const sprung = proxy.trap({ pattern: 'PNG', reaches: true, fate: 'hang' })
  const answer = await upload(url, log, { title: `hangs ${seconds}`, size: LARGE, patience: 90_000 })
  clearInterval(watching)
  await sprung
  see(...timeout(answer, seconds))
  const more = peak - before
  see(`of ${LARGE / 1e6} MB, memory grew by ${(more / 1e6).toFixed(0)} MB`, more < MAY_LIE_IN_MEMORY)
}

const timeout = (answer: Told, seconds: number): [string, boolean] => [
  inWords(answer),
  answer.status === 504 && answer.code === 'storage-timeout' && answer.seconds < seconds + 4,
]

if (import.meta.main) await runAlone(storageFaults)

/** Clients that leave: at any byte, in good order, with a reset, or without a word. */
import { field, file, form, post } from '../e2e/multipart.ts'
import { Wire } from '../e2e/wire.ts'
import { FaultProxy } from '../fault-proxy.ts'
import { pngOf, sha256 } from '../samples.ts'
import { ClientLog } from './client-log.ts'
import { type Fault, playFaults, secondsUntil } from './faults.ts'
import { Installation } from './installation.ts'
import { filesIn } from './look.ts'
import { type Part, runAlone } from './part.ts'
import { inWords, upload } from './told.ts'

const SIZE = 500_000
/** Seconds. */
const IDLE = 3

type Leaving = 'closes' | 'resets' | 'half-closes' | 'falls silent'

/** After how many bytes of the request, of which the file is but a part. */
const PLACES: Readonly<Record<string, (length: number) => number>> = {
  'before the file': () => 300,
  'after 20 KB': () => 20_000,
  'half way': (length) => length / 2,
  'before the last bytes': (length) => length - 10,
  'after the last byte': (length) => length,
}
const IN_BRIEF = ['half way', 'after the last byte']

export const clients: Part = async (options) => {
  const [installation, log] = [
    await Installation.open('filesystem', { IDLE_TIMEOUT_SECONDS: `${IDLE}` }),
    new ClientLog(),
  ]
  const { url } = await installation.start()
  const port = Number(new URL(url).port)
  const { database } = installation
  // In seconds. A brief run may share its machine with other work.
  const prompt = options.isFull ? 1 : 3

  const rowOf = async (name: string) =>
    (await database.query(`select state, storage_key from media_job where filename = '${name}.png'`)).rows[0]
  const isPutAway = async (name: string) => {
    const { state, storage_key } = (await rowOf(name)) ?? {}
    const files = await filesIn(installation.variables['DATA_DIR'] ?? '')
    return state === 'abandoned' && ![...files.keys()].some((key) => key.includes(storage_key))
  }
  const isStored = async (name: string) => (await rowOf(name))?.state === 'stored'

  const fault = (leaving: Leaving, place: string): Fault => ({
    what: `a client ${leaving} ${place} of an upload`,
    isLong: !IN_BRIEF.includes(place),
    async play(see) {
      const name = `${leaving} ${place}`.replaceAll(' ', '-')
      const bytes = pngOf(SIZE, name)
      log.sends(sha256(bytes), name, name)
      const whole = post(form(field('title', name), file(bytes, `${name}.png`)), `Idempotency-Key: ${name}`)
      const proxy = await FaultProxy.before(port)
      const wire = new Wire(leaving === 'falls silent' ? proxy.port : port)
      await wire.send(whole.subarray(0, PLACES[place]?.(whole.length)))
      const isBefore = place === 'before the file'
      const isAfter = place === 'after the last byte'
      const hasRow = async () => (await rowOf(name)) !== undefined
      if (!isBefore) await secondsUntil(hasRow)
      LEAVE[leaving](wire, proxy)
      const most = prompt + (leaving === 'falls silent' ? IDLE + 1 : 0)
      const isDecided = async () => {
        // A reset may overtake what was sent before it.
        if (isAfter && leaving === 'resets') return (await isStored(name)) || isPutAway(name)
        return isAfter ? isStored(name) : isPutAway(name)
      }
      if (isBefore) see(`no row in ${most} s`, (await secondsUntil(hasRow, most * 1000)) === undefined)
      else {
        const seconds = await secondsUntil(isDecided)
        const { state } = (await rowOf(name)) ?? {}
        see(`${state} after ${seconds?.toFixed(1)} s`, seconds !== undefined && seconds < most)
      }
      proxy.close()
      const wasStored = await isStored(name)
      const again = await upload(url, log, { title: name, key: name, size: SIZE, filename: `${name}.png` })
      const isReplayed = again.headers['idempotency-replayed'] === 'true'
      see(
        `again: ${inWords(again)}${isReplayed ? ', as it was' : ''}`,
        again.status === 201 && isReplayed === wasStored,
      )
    },
  })
  const faults = (Object.keys(LEAVE) as Leaving[]).flatMap((leaving) =>
    Object.keys(PLACES).map((place) => fault(leaving, place)),
  )
  return playFaults('clients that leave', faults, installation, log, options)
}

const LEAVE: Readonly<Record<Leaving, (wire: Wire, proxy: FaultProxy) => void>> = {
  closes: (wire) => wire.leave(),
  resets: (wire) => wire.reset(),
  'half-closes': (wire) => void wire.finish(),
  'falls silent': (_, proxy) => proxy.silence(),
}

if (import.meta.main) await runAlone(clients)

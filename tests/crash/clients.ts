/** Clients that disconnect at any byte: with a normal close, a half-close, a reset, or silently. */
import { field, file, form, post } from '../e2e/multipart.ts'
import { Wire } from '../e2e/wire.ts'
import { FaultProxy } from '../fault-proxy.ts'
import { pngOf, sha256 } from '../samples.ts'
import { ClientLog } from './client-log.ts'
import { type Fault, playFaults, secondsUntil } from './faults.ts'
import { Installation } from './installation.ts'
import type { Part } from './part.ts'
import { filesIn } from './stores.ts'
import { format, upload } from './timed-requests.ts'

const SIZE = 500_000
/** In seconds. */
const IDLE = 3

type Disconnect = 'closes' | 'resets' | 'half-closes' | 'goes silent'

/** The number of bytes of the request that are sent. The file is a part of the request. */
const PLACES: Readonly<Record<string, (length: number) => number>> = {
  'before the file': () => 300,
  'after 20 KB': () => 20_000,
  'in the middle': (length) => length / 2,
  'before the last bytes': (length) => length - 10,
  'after the last byte': (length) => length,
}
const IN_SHORT_RUN = ['in the middle', 'after the last byte']

export const clients: Part = async (options) => {
  const [installation, log] = [
    await Installation.open('filesystem', { IDLE_TIMEOUT_SECONDS: `${IDLE}` }),
    new ClientLog(),
  ]
  const { url } = await installation.start()
  const port = Number(new URL(url).port)
  const { database } = installation
  // In seconds. A short run may share its machine with other work.
  const prompt = options.isFull ? 1 : 3

  const rowOf = async (name: string) =>
    (await database.query(`select state, storage_key from media_job where filename = '${name}.png'`)).rows[0]
  const isCleanedUp = async (name: string) => {
    const { state, storage_key } = (await rowOf(name)) ?? {}
    const files = await filesIn(installation.variables['DATA_DIR'] ?? '')
    return state === 'abandoned' && ![...files.keys()].some((key) => key.includes(storage_key))
  }
  const isStored = async (name: string) => (await rowOf(name))?.state === 'stored'

  const fault = (disconnect: Disconnect, place: string): Fault => ({
    what: `a client ${disconnect} ${place} of an upload`,
    isLong: !IN_SHORT_RUN.includes(place),
    async play(check) {
      const name = `${disconnect} ${place}`.replaceAll(' ', '-')
      const bytes = pngOf(SIZE, name)
      log.uploadSent(sha256(bytes), name, name)
      const whole = post(form(field('title', name), file(bytes, `${name}.png`)), `Idempotency-Key: ${name}`)
      const proxy = await FaultProxy.before(port)
      const wire = new Wire(disconnect === 'goes silent' ? proxy.port : port)
      await wire.send(whole.subarray(0, PLACES[place]?.(whole.length)))
      const isBefore = place === 'before the file'
      const isAfter = place === 'after the last byte'
      const hasRow = async () => (await rowOf(name)) !== undefined
      if (!isBefore) await secondsUntil(hasRow)
      DISCONNECT[disconnect](wire, proxy)
      const maxSeconds = prompt + (disconnect === 'goes silent' ? IDLE + 1 : 0)
      const isFinished = async () => {
        // A reset may overtake the bytes that were sent before it.
        if (isAfter && disconnect === 'resets') return (await isStored(name)) || isCleanedUp(name)
        return isAfter ? isStored(name) : isCleanedUp(name)
      }
      if (isBefore) check(`no row in ${maxSeconds} s`, (await secondsUntil(hasRow, maxSeconds * 1000)) === undefined)
      else {
        const seconds = await secondsUntil(isFinished)
        const { state } = (await rowOf(name)) ?? {}
        check(`${state} after ${seconds?.toFixed(1)} s`, seconds !== undefined && seconds < maxSeconds)
      }
      proxy.close()
      const wasStored = await isStored(name)
      const again = await upload(url, log, { title: name, key: name, size: SIZE, filename: `${name}.png` })
      const isReplayed = again.headers['idempotency-replayed'] === 'true'
      check(
        `again: ${format(again)}${isReplayed ? ', replayed' : ''}`,
        again.status === 201 && isReplayed === wasStored,
      )
    },
  })
  const faults = (Object.keys(DISCONNECT) as Disconnect[]).flatMap((disconnect) =>
    Object.keys(PLACES).map((place) => fault(disconnect, place)),
  )
  return playFaults('clients that disconnect', faults, installation, log, options)
}

const DISCONNECT: Readonly<Record<Disconnect, (wire: Wire, proxy: FaultProxy) => void>> = {
  closes: (wire) => wire.leave(),
  resets: (wire) => wire.reset(),
  'half-closes': (wire) => void wire.finish(),
  'goes silent': (_, proxy) => proxy.silence(),
}

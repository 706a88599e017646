/** Clients that disconnect at any byte: with a normal close, a half-close, a reset, or silently. */
import { expect, test } from 'vitest'
import { field, file, form, post } from '../e2e/multipart.ts'
import { Wire } from '../e2e/wire.ts'
import { FaultProxy } from '../fault-proxy.ts'
import { pngOf, sha256 } from '../samples.ts'
import { upload } from './client.ts'
import { filesIn } from './stores.ts'
import { concurrent, isFull, long, testVerdict, until, useInstallation } from './suite.ts'

const SIZE = 500_000
/** In seconds. */
const IDLE = 3
/** In seconds. A short run may share its machine with other work. */
const PROMPT = isFull ? 1 : 3

const DISCONNECT: Readonly<Record<string, (wire: Wire, proxy: FaultProxy) => unknown>> = {
  closes: (wire) => wire.leave(),
  resets: (wire) => wire.reset(),
  'half-closes': (wire) => wire.finish(),
  'goes silent': (_, proxy) => proxy.silence(),
}

/** The number of bytes of the request that are sent. The file is a part of the request. */
const PLACES: Readonly<Record<string, (length: number) => number>> = {
  'before the file': () => 300,
  'after 20 KB': () => 20_000,
  'in the middle': (length) => length / 2,
  'before the last bytes': (length) => length - 10,
  'after the last byte': (length) => length,
}
const IN_SHORT_RUN = ['in the middle', 'after the last byte']

const installation = await useInstallation('filesystem', { IDLE_TIMEOUT_SECONDS: `${IDLE}` })
const { database, log, variables } = installation
const { url } = await installation.start()
const port = Number(new URL(url).port)

const rowOf = async (name: string) =>
  (await database.query(`select state, storage_key from media_job where filename = '${name}.png'`)).rows[0]
const isStored = async (name: string) => (await rowOf(name))?.state === 'stored'
async function isCleanedUp(name: string): Promise<boolean> {
  const { state, storage_key } = (await rowOf(name)) ?? {}
  const files = await filesIn(variables['DATA_DIR'] ?? '')
  return state === 'abandoned' && ![...files.keys()].some((key) => key.includes(storage_key))
}

for (const [how, disconnect] of Object.entries(DISCONNECT))
  for (const [place, bytesSent] of Object.entries(PLACES)) {
    const options = IN_SHORT_RUN.includes(place) ? concurrent : { ...concurrent, ...long }
    test(`a client ${how} ${place} of an upload`, options, async ({ annotate }) => {
      const name = `${how} ${place}`.replaceAll(' ', '-')
      const bytes = pngOf(SIZE, name)
      log.uploadSent(sha256(bytes), name, name)
      const whole = post(form(field('title', name), file(bytes, `${name}.png`)), `Idempotency-Key: ${name}`)
      const proxy = await FaultProxy.before(port)
      const wire = new Wire(how === 'goes silent' ? proxy.port : port)
      await wire.send(whole.subarray(0, bytesSent(whole.length)))
      const hasRow = async () => (await rowOf(name)) !== undefined
      const isBefore = place === 'before the file'
      if (!isBefore) await until('it has a row', hasRow)
      disconnect(wire, proxy)
      const maxSeconds = PROMPT + (how === 'goes silent' ? IDLE + 1 : 0)
      const isFinished = async () => {
        if (place !== 'after the last byte') return isCleanedUp(name)
        // A reset may overtake the bytes that were sent before it.
        return (await isStored(name)) || (how === 'resets' && isCleanedUp(name))
      }
      if (isBefore) await expect(until('it has a row', hasRow, maxSeconds * 1000)).rejects.toThrow('it has a row')
      else {
        const seconds = await until('it is stored or cleaned up', isFinished)
        await annotate(`${(await rowOf(name))?.state} after ${seconds.toFixed(1)} s`)
        expect(seconds).toBeLessThan(maxSeconds)
      }
      proxy.close()
      const wasStored = await isStored(name)
      const again = await upload(url, log, { title: name, key: name, size: SIZE, filename: `${name}.png` })
      expect(again).toMatchObject({ status: 201 })
      expect(again.headers['idempotency-replayed']).toBe(wasStored ? 'true' : undefined)
    })
  }

testVerdict(installation)

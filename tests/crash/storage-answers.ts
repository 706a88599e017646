import type { Fault as VendorFault } from '../imagekit/faults.ts'
import type { ClientLog } from './client-log.ts'
import { type Fault, secondsUntil, seeUntil } from './faults.ts'
import type { Installation } from './installation.ts'
import { inWords, told, upload } from './told.ts'

interface Answered {
  readonly what: string
  readonly fault: VendorFault
  readonly status: number
  readonly code: string
}

const ANSWERS: readonly Answered[] = [
  { what: 'a rate limit (429)', fault: { type: 'rate limit', ms: 1000, times: 1 }, status: 503, code: 'unavailable' },
  { what: 'an error page (500)', fault: { type: 'error page', status: 500 }, status: 503, code: 'unavailable' },
  { what: 'an error page (503)', fault: { type: 'error page', status: 503 }, status: 503, code: 'unavailable' },
  { what: 'a refusal (400)', fault: { type: 'early refusal', status: 400 }, status: 502, code: 'storage-error' },
  { what: 'its quota (403)', fault: { type: 'early refusal', status: 403 }, status: 507, code: 'insufficient-storage' },
  { what: 'success before it is done (202)', fault: { type: 'accepted' }, status: 503, code: 'unavailable' },
  { what: 'another size than was sent', fault: { type: 'wrong size' }, status: 502, code: 'storage-error' },
  { what: 'nothing: stored, but its answer is lost', fault: { type: 'answer lost' }, status: 503, code: 'unavailable' },
  { what: 'a reset half way', fault: { type: 'reset', afterBytes: 100_000 }, status: 503, code: 'unavailable' },
]

/** What the double of ImageKit can say to an upload, and what its sender is told then. */
export const answersOf = ({ vendor }: Installation, url: string, log: ClientLog): readonly Fault[] =>
  ANSWERS.map(({ what, fault, status, code }) => ({
    what: `ImageKit answers with ${what}`,
    isAlone: true,
    async play(see) {
      if (vendor) vendor.faults.upload = { ...fault }
      const answer = await upload(url, log, { title: what, size: 500_000 })
      see(inWords(answer), answer.status === status && answer.code === code)
      const { 'retry-after': wait } = answer.headers
      if (status === 503) see(`Retry-After ${String(wait)}`, wait !== undefined)
      if (vendor) vendor.faults.upload = undefined
      let tries = 0
      await seeUntil(see, 'uploads taken again', async () => {
        const { status } = await upload(url, log, { title: `after: ${what}, try ${++tries}` })
        return status === 201
      })
    },
  }))

const UNREADABLE: readonly { readonly what: string; readonly fault: VendorFault; readonly isLong?: boolean }[] = [
  { what: 'an error page (500)', fault: { type: 'error page', status: 500 } },
  { what: 'a rate limit (429)', fault: { type: 'rate limit', ms: 1000, times: Number.POSITIVE_INFINITY } },
  { what: 'a refusal, as of a wrong key (403)', fault: { type: 'early refusal', status: 403 } },
  { what: 'nothing', fault: { type: 'no answer' }, isLong: true },
]

/** What it can say to whoever reads a file again to describe it: that is put off, and never given up. */
export const unreadable = ({ vendor, database }: Installation, url: string, log: ClientLog): readonly Fault[] =>
  UNREADABLE.map(({ what, fault, isLong = false }) => ({
    what: `ImageKit answers a job with ${what}`,
    isLong,
    isAlone: true,
    async play(see) {
      if (!vendor) throw new Error('there is no ImageKit')
      const jobs = async (which: string) =>
        (await database.query(`select from pgboss.job where name = 'describe-media' and ${which}`)).rowCount
      // One that is about an earlier file would be put off first.
      await secondsUntil(async () => (await jobs(`state < 'completed'`)) === 0)
      let asked = 0
      const type = () => {
        asked++
        return fault.type
      }
      vendor.faults.api = Object.defineProperty({ ...fault }, 'type', { get: type })
      const stored = await upload(url, log, { title: `to be described: ${what}` })
      see(inWords(stored), stored.status === 201)
      const id = String(stored.body['id'])
      const isUnderWay = async () => (await jobs(`state = 'active' and data->>'id' = '${id}'`)) === 1
      await seeUntil(see, 'its job is under way', isUnderWay)
      const before = asked
      await seeUntil(see, 'it has asked', async () => asked > before)
      const status = async () => (await told(`${url}/media/${id}/metadata/`)).body['status']
      see(`metadata ${String(await status())}`, (await status()) === 'pending')
      vendor.faults.api = undefined
      await seeUntil(see, 'described', async () => ['ready', 'none'].includes(String(await status())), 60_000)
    },
  }))

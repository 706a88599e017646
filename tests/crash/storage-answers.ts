import type { Fault as VendorFault } from '../imagekit/faults.ts'
import type { ClientLog } from './client-log.ts'
import { checkUntil, type Fault, secondsUntil } from './faults.ts'
import type { Installation } from './installation.ts'
import { checkUploads, format, request, upload } from './timed-requests.ts'

interface VendorAnswer {
  readonly what: string
  readonly fault: VendorFault
  readonly status: number
  readonly code: string
}

const ANSWERS: readonly VendorAnswer[] = [
  { what: 'a rate limit (429)', fault: { type: 'rate limit', ms: 1000, times: 1 }, status: 503, code: 'unavailable' },
  { what: 'an error page (500)', fault: { type: 'error page', status: 500 }, status: 503, code: 'unavailable' },
  { what: 'an error page (503)', fault: { type: 'error page', status: 503 }, status: 503, code: 'unavailable' },
  { what: 'a refusal (400)', fault: { type: 'early refusal', status: 400 }, status: 502, code: 'storage-error' },
  { what: 'no quota (403)', fault: { type: 'early refusal', status: 403 }, status: 507, code: 'insufficient-storage' },
  { what: 'a success before the file is stored (202)', fault: { type: 'accepted' }, status: 503, code: 'unavailable' },
  { what: 'another size than that of the file', fault: { type: 'wrong size' }, status: 502, code: 'storage-error' },
  { what: 'a success that is lost', fault: { type: 'answer lost' }, status: 503, code: 'unavailable' },
  { what: 'a reset during the file', fault: { type: 'reset', afterBytes: 100_000 }, status: 503, code: 'unavailable' },
]

/** The responses of the local ImageKit server to an upload, and the responses of mediaport. */
export const answersOf = ({ vendor }: Installation, url: string, log: ClientLog): readonly Fault[] =>
  ANSWERS.map(({ what, fault, status, code }) => ({
    what: `ImageKit answers with ${what}`,
    isAlone: true,
    async play(check) {
      if (vendor) vendor.faults.upload = { ...fault }
      const answer = await upload(url, log, { title: what, size: 500_000 })
      check(format(answer), answer.status === status && answer.code === code)
      const { 'retry-after': wait } = answer.headers
      if (status === 503) check(`Retry-After ${String(wait)}`, wait !== undefined)
      if (vendor) vendor.faults.upload = undefined
      await checkUploads(check, url, log)
    },
  }))

const UNREADABLE: readonly { readonly what: string; readonly fault: VendorFault; readonly isLong?: boolean }[] = [
  { what: 'an error page (500)', fault: { type: 'error page', status: 500 } },
  { what: 'a rate limit (429)', fault: { type: 'rate limit', ms: 1000, times: Number.POSITIVE_INFINITY } },
  { what: 'a refusal of the key (403)', fault: { type: 'early refusal', status: 403 } },
  { what: 'nothing', fault: { type: 'no answer' }, isLong: true },
]

/**
 * The responses of the local ImageKit server to a job that describes a file. The job is postponed, but never given up.
 */
export const unreadable = ({ vendor, database }: Installation, url: string, log: ClientLog): readonly Fault[] =>
  UNREADABLE.map(({ what, fault, isLong = false }) => ({
    what: `ImageKit answers a job with ${what}`,
    isLong,
    isAlone: true,
    async play(check) {
      if (!vendor) throw new Error('The installation has no ImageKit.')
      const jobs = async (which: string) =>
        (await database.query(`select from pgboss.job where name = 'describe-media' and ${which}`)).rowCount
      // A job of an earlier file would be postponed first.
      await secondsUntil(async () => (await jobs(`state < 'completed'`)) === 0)
      let requests = 0
      const type = () => {
        requests++
        return fault.type
      }
      vendor.faults.api = Object.defineProperty({ ...fault }, 'type', { get: type })
      const stored = await upload(url, log, { title: `described later: ${what}` })
      check(format(stored), stored.status === 201)
      const id = String(stored.body['id'])
      const isInProgress = async () => (await jobs(`state = 'active' and data->>'id' = '${id}'`)) === 1
      await checkUntil(check, 'its job in progress', isInProgress)
      const before = requests
      await checkUntil(check, 'a request of the job', async () => requests > before)
      const status = async () => (await request(`${url}/media/${id}/metadata/`)).body['status']
      check(`metadata ${String(await status())}`, (await status()) === 'pending')
      vendor.faults.api = undefined
      await checkUntil(check, 'described', async () => ['ready', 'none'].includes(String(await status())), 60_000)
    },
  }))

import type { Fault as VendorFault } from '../imagekit/faults.ts'
import type { ClientLog } from './client-log.ts'
import { type Fault, seeUntil } from './faults.ts'
import type { Installation } from './installation.ts'
import { inWords, upload } from './told.ts'

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
      await seeUntil(see, 'uploads taken again', async () => {
        const { status } = await upload(url, log, { title: `after: ${what}` })
        return status === 201
      })
    },
  }))

import type { Receiving } from '../../domain/media/media.ts'
import type { Policy } from '../policy.ts'
import type { MediaRepository } from '../ports/media-repository.ts'
import { unavailable } from '../ports/unavailable.ts'
import type { IncomingBody } from './incoming-body.ts'

const LEASE_LOST = new Error('the upload had been put away when its lease was to be renewed')
const NOT_RENEWED = new Error('the lease could not be renewed in time')

/**
 * Renews the lease of `receiving` while its bytes move or its storage may still answer, and fails the body when that
 * can't be done: a row must never look alive while nobody works on it, nor the other way round.
 * @returns stops renewing.
 */
export function keepLease(
  media: MediaRepository,
  receiving: Receiving,
  body: IncomingBody,
  policy: Policy,
): () => void {
  const { leaseSeconds, storageTimeoutSeconds } = policy
  let renewedAt = performance.now()
  let renewing = false

  const check = async (): Promise<void> => {
    const now = performance.now()
    const isSilent = body.waitingFor === 'sender' && body.movedAt < renewedAt
    if (body.waitingFor === 'storage' && now - body.movedAt >= storageTimeoutSeconds * 1000)
      return body.fail({ type: 'storage-timeout' })
    if (now - renewedAt >= leaseSeconds * 1000)
      return body.fail(isSilent ? { type: 'too-slow' } : unavailable('database')(NOT_RENEWED))
    if (renewing || isSilent || now - renewedAt < (leaseSeconds * 1000) / 3) return

    renewing = true
    const renewed = await media.renew(receiving.id, receiving.attempt, leaseSeconds)
    renewing = false
    if (renewed.isOk()) renewedAt = now
    else if (renewed.error.type === 'lease-lost') body.fail(unavailable('database')(LEASE_LOST))
  }

  const timer = setInterval(() => void check(), Math.min(1000, leaseSeconds * 100))
  return () => clearInterval(timer)
}

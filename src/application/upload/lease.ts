import type { Receiving } from '../../domain/media/media.ts'
import type { Policy } from '../policy.ts'
import type { MediaRepository } from '../ports/media-repository.ts'
import { unavailable } from '../ports/unavailable.ts'
import type { IncomingBody } from './incoming-body.ts'

const LEASE_LOST = new Error('The upload was abandoned by another process before its lease was renewed.')
const NOT_RENEWED = new Error('The lease was not renewed in time.')

/**
 * Renews the lease of an upload while its bytes move or its storage may still answer. Fails the body if that is not
 * possible. So a row never looks alive while no process works on it, nor dead while one does.
 *
 * @returns A function that stops the renewal.
 */
export function keepLease(
  media: MediaRepository,
  receiving: Receiving,
  body: IncomingBody,
  policy: Policy,
): () => void {
  const { leaseSeconds, storageTimeoutSeconds } = policy
  let renewedAt = performance.now()
  let isRenewing = false

  const check = async (): Promise<void> => {
    const now = performance.now()
    const isSilent = body.waitsFor === 'sender' && body.movedAt < renewedAt
    if (body.waitsFor === 'storage' && now - body.movedAt >= storageTimeoutSeconds * 1000)
      return body.fail({ type: 'storage-timeout' })
    if (now - renewedAt >= leaseSeconds * 1000)
      return body.fail(isSilent ? { type: 'too-slow' } : unavailable('database')(NOT_RENEWED))
    if (isRenewing || isSilent || now - renewedAt < (leaseSeconds * 1000) / 3) return

    isRenewing = true
    const renewed = await media.renew(receiving.id, receiving.attempt, leaseSeconds)
    isRenewing = false
    if (renewed.isOk()) renewedAt = now
    else if (renewed.error.type === 'lease-lost') body.fail(unavailable('database')(LEASE_LOST))
  }

  const timer = setInterval(() => void check(), Math.min(1000, leaseSeconds * 100))
  return () => clearInterval(timer)
}

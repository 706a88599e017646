import { type ContentType, DEFAULT_TYPES } from '../domain/values/content-type.ts'

/** The rules that uploads must meet, and the times of the life of a media item. */
export interface Policy {
  /** In bytes. A file of exactly this size is accepted. */
  readonly maxFileSize: number
  readonly allowedTypes: readonly ContentType[]
  /** How long an upload may make no progress before other processes may abandon it. Renewed three times in that time. */
  readonly leaseSeconds: number
  /** How long a storage may neither read bytes nor answer. */
  readonly storageTimeoutSeconds: number
  /**
   * How long an abandoned or deleted row is kept after its bytes were deleted. By then every writer that was paused must
   * have ended. Until then an upload with the idempotency key of a deleted media item fails with `media-deleted`.
   */
  readonly forgetAfterSeconds: number
}

export const DEFAULT_POLICY: Policy = {
  maxFileSize: 100 * 1024 * 1024,
  allowedTypes: DEFAULT_TYPES,
  leaseSeconds: 60,
  storageTimeoutSeconds: 60,
  forgetAfterSeconds: 7 * 24 * 60 * 60,
}

/** Limits of one upload. They narrow the policy and never widen it. */
export interface UploadLimits {
  /** In bytes. */
  readonly maxFileSize?: number | undefined
  readonly allowedTypes?: readonly ContentType[] | undefined
}

/** Returns the policy for an upload with limits. Throws a `TypeError` if the size is not a number of bytes. */
export function narrowed(policy: Policy, limits?: UploadLimits): Policy {
  if (!limits) return policy
  const { maxFileSize = policy.maxFileSize, allowedTypes = policy.allowedTypes } = limits
  if (!(maxFileSize >= 0)) throw new TypeError('`maxFileSize` must be a number of bytes.')
  return {
    ...policy,
    maxFileSize: Math.min(policy.maxFileSize, maxFileSize),
    allowedTypes: policy.allowedTypes.filter((type) => allowedTypes.includes(type)),
  }
}

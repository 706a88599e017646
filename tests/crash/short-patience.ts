/** Preloaded into a server: the one limit that no variable sets is 4 s instead of a minute. */
import { DEFAULT_POLICY } from '../../src/application/policy.ts'

Object.assign(DEFAULT_POLICY, { storageTimeoutSeconds: 4 })

import { okAsync } from 'neverthrow'
import type { TitleCache } from '../../application/ports/title-cache.ts'

/** Caches nothing. Several processes without a shared cache use it, and so read each title from the repository. */
export const noTitleCache: TitleCache = {
  put: () => okAsync(undefined),
  find: () => okAsync(undefined),
  remove: () => okAsync(undefined),
  list: () => okAsync({ entries: [] }),
}

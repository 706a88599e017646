import { okAsync } from 'neverthrow'
import type { TitleCache } from '../../application/ports/title-cache.ts'

/** For several processes that share no cache: each title is read from the repository, where all see the same. */
export const noTitleCache: TitleCache = {
  put: () => okAsync(undefined),
  find: () => okAsync(undefined),
  remove: () => okAsync(undefined),
  list: () => okAsync({ entries: [] }),
}

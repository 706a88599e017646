/** Preload for a server. Plants an anomaly that the checker must find: a title cache that ignores versions. */
import { okAsync } from 'neverthrow'
import { RedisTitleCache } from '../../../src/adapters/redis/redis-title-cache.ts'
import { wrapMethod } from '../fail-points/fail-point.ts'

wrapMethod(
  RedisTitleCache.prototype,
  'put',
  (put) =>
    function (this: RedisTitleCache, id, title) {
      // A cached title is never replaced.
      return this.find(id).andThen((there) => (there ? okAsync(undefined) : put.call(this, id, title)))
    },
)

/** Preloaded into a server, plants what the check of histories has to find: a title cache that looks at no version. */
import { okAsync } from 'neverthrow'
import { RedisTitleCache } from '../../../src/adapters/redis/redis-title-cache.ts'
import { around } from '../fail-points/pass.ts'

around(
  RedisTitleCache.prototype,
  'put',
  (put) =>
    function (this: RedisTitleCache, id, title) {
      // What is there stays, however old it is.
      return this.find(id).andThen((there) => (there ? okAsync(undefined) : put.call(this, id, title)))
    },
)

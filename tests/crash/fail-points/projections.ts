/** Fail points at jobs, at the reader of files, and at the projection stores. */
import { MongoMetadataStore } from '../../../src/adapters/mongo/mongo-metadata-store.ts'
import { PgBossJobs } from '../../../src/adapters/pg-boss/pg-boss-jobs.ts'
import { RedisTitleCache } from '../../../src/adapters/redis/redis-title-cache.ts'
import { failPoint, failPointOf, wrapMethod } from './fail-point.ts'
import { watchReaders } from './reader.ts'

export function armProjections(): void {
  wrapMethod(
    PgBossJobs.prototype,
    'work',
    (work) =>
      function (this: PgBossJobs, doJob) {
        return work.call(this, (job) => {
          failPoint(`${job.name} claimed`)
          return doJob(job).andTee(() => failPoint(`${job.name} done, not acknowledged`))
        })
      },
  )

  watchReaders((reader) => {
    failPoint('file being read')
    failPointOf('reader killed', () => reader.kill('SIGKILL'))
  })

  wrapMethod(
    MongoMetadataStore.prototype,
    'save',
    (save) =>
      function (this: MongoMetadataStore, ...args) {
        failPoint('before the document')
        const saved = save.apply(this, args)
        // The command has been sent by then, or almost.
        setImmediate(() => failPoint('document sent'))
        return saved.andTee(() => failPoint('after the document'))
      },
  )

  wrapMethod(
    MongoMetadataStore.prototype,
    'remove',
    (remove) =>
      function (this: MongoMetadataStore, ...args) {
        failPoint('before the document is removed')
        return remove.apply(this, args).andTee(() => failPoint('after the document is removed'))
      },
  )

  wrapMethod(
    RedisTitleCache.prototype,
    'put',
    (put) =>
      function (this: RedisTitleCache, id, title) {
        const which = title.version > 1 ? 'new title' : 'title'
        failPoint(`before the ${which}`)
        const written = put.call(this, id, title)
        // The kernel has the command. Its reply has not been read.
        failPoint(`${which} sent`)
        return written.andTee(() => failPoint(`after the ${which}`))
      },
  )

  wrapMethod(
    RedisTitleCache.prototype,
    'remove',
    (remove) =>
      function (this: RedisTitleCache, ...args) {
        failPoint('before the title is removed')
        return remove.apply(this, args).andTee(() => failPoint('after the title is removed'))
      },
  )
}

/** Fail points at jobs, at the reading of files, and at the stores of what was read. */
import childProcess, { type ChildProcess } from 'node:child_process'
import { syncBuiltinESMExports } from 'node:module'
import { MongoMetadataStore } from '../../../src/adapters/mongo/mongo-metadata-store.ts'
import { PgBossJobs } from '../../../src/adapters/pg-boss/pg-boss-jobs.ts'
import { RedisTitleCache } from '../../../src/adapters/redis/redis-title-cache.ts'
import { around, pass, passFor } from './pass.ts'

export function armProjections(): void {
  around(
    PgBossJobs.prototype,
    'work',
    (work) =>
      function (this: PgBossJobs, doJob) {
        return work.call(this, (job) => {
          pass(`${job.name} claimed`)
          return doJob(job).andTee(() => pass(`${job.name} done, nobody knows`))
        })
      },
  )

  around(
    childProcess,
    'spawn',
    (spawn) =>
      ((...given: Parameters<typeof spawn>): ChildProcess => {
        const child = spawn(...given)
        const send = child.send?.bind(child)
        if (!send) return child
        child.send = (message: unknown, ...rest: never[]) => {
          const isSent = send(message as never, ...rest)
          const isFile =
            typeof message === 'object' && message !== null && 'type' in message && message.type === 'describe'
          if (isFile) {
            pass('file being read')
            passFor('reader killed', () => child.kill('SIGKILL'))
          }
          return isSent
        }
        return child
      }) as typeof spawn,
  )
  syncBuiltinESMExports()

  around(
    MongoMetadataStore.prototype,
    'save',
    (save) =>
      function (this: MongoMetadataStore, ...given) {
        pass('before the document')
        const saved = save.apply(this, given)
        // By then it was sent, or nearly so.
        setImmediate(() => pass('document on its way'))
        return saved.andTee(() => pass('after the document'))
      },
  )

  around(
    MongoMetadataStore.prototype,
    'remove',
    (remove) =>
      function (this: MongoMetadataStore, ...given) {
        pass('before the document goes')
        return remove.apply(this, given).andTee(() => pass('after the document went'))
      },
  )

  around(
    RedisTitleCache.prototype,
    'put',
    (put) =>
      function (this: RedisTitleCache, id, title) {
        const which = title.version > 1 ? 'new title' : 'title'
        pass(`before the ${which}`)
        const written = put.call(this, id, title)
        // The command is with the kernel, and nobody has read what came of it.
        pass(`${which} sent`)
        return written.andTee(() => pass(`after the ${which}`))
      },
  )

  around(
    RedisTitleCache.prototype,
    'remove',
    (remove) =>
      function (this: RedisTitleCache, ...given) {
        pass('before the title goes')
        return remove.apply(this, given).andTee(() => pass('after the title went'))
      },
  )
}

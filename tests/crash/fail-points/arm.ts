/** Preload for a process that kills itself at the point FAIL_POINT and writes its name to the file FAIL_FIRED. */
import { ServerResponse } from 'node:http'
import { MongoMetadataStore } from '../../../src/adapters/mongo/mongo-metadata-store.ts'
import { PgBossJobs } from '../../../src/adapters/pg-boss/pg-boss-jobs.ts'
import { RedisTitleCache } from '../../../src/adapters/redis/redis-title-cache.ts'
import { armBytes } from './bytes.ts'
import { failPoint, failPointOf, surround, wrapMethod } from './fail-point.ts'
import { watchReaders } from './reader.ts'
import { armRows } from './rows.ts'

armBytes()
armRows()

// Before, within and after a response to a client.
const STATUS: Readonly<Record<string, number>> = { POST: 201, PATCH: 200, DELETE: 204 }
type End = (this: ServerResponse, ...args: unknown[]) => ServerResponse
wrapMethod(
  ServerResponse.prototype as unknown as { end: End },
  'end',
  (end) =>
    function (this: ServerResponse, ...args) {
      const { statusCode: status } = this
      if (status === STATUS[this.req.method ?? '']) {
        failPoint(`before the ${status}`)
        if (process.env['FAIL_POINT'] === `head of the ${status} sent`) this.flushHeaders()
        failPoint(`head of the ${status} sent`)
        this.once('finish', () => failPoint(`${status} sent`))
      }
      return end.apply(this, args)
    },
)

// At jobs, at the reader of files, and at the projection stores.
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
// The command has been sent by then, or almost.
surround(MongoMetadataStore, 'save', () => 'document', setImmediate)
surround(MongoMetadataStore, 'remove', () => 'document is removed')
// When `put` returns, the kernel has the command. Its reply has not been read.
surround(
  RedisTitleCache,
  'put',
  (_, { version }) => (version > 1 ? 'new title' : 'title'),
  (sent) => sent(),
)
surround(RedisTitleCache, 'remove', () => 'title is removed')

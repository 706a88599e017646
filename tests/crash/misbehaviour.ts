/** Preload for a server that makes it misbehave on request. */
import { appendFileSync, existsSync } from 'node:fs'
import { PgBossJobs } from '../../src/adapters/pg-boss/pg-boss-jobs.ts'
import { wrapMethod } from './fail-points/fail-point.ts'

const { POISONED = '' } = process.env

/** SIGUSR2 blocks the event loop for five seconds. */
process.on('SIGUSR2', () => {
  for (const until = performance.now() + 5000; performance.now() < until; );
})

/** While the file POISONED exists, `describe-media` throws and appends a line to it. */
wrapMethod(
  PgBossJobs.prototype,
  'work',
  (work) =>
    function (this: PgBossJobs, doJob) {
      return work.call(this, (job) => {
        if (job.name !== 'describe-media' || !existsSync(POISONED)) return doJob(job)
        appendFileSync(POISONED, `${job.id}\n`)
        throw new Error('poison')
      })
    },
)

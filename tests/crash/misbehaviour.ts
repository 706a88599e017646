/** Preloaded into a server, which then behaves as nobody wants it to. */
import { appendFileSync, existsSync } from 'node:fs'
import { PgBossJobs } from '../../src/adapters/pg-boss/pg-boss-jobs.ts'
import { around } from './fail-points/pass.ts'

const { POISONED = '' } = process.env

/** SIGUSR2 lets nothing run for five seconds. */
process.on('SIGUSR2', () => {
  for (const until = performance.now() + 5000; performance.now() < until; );
})

/** While the file POISONED is there, `describe-media` throws, and notes in it that it did. */
around(
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

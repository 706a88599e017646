export { PgBossJobs, type Work } from './pg-boss-jobs.ts'

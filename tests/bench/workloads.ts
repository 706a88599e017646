import type { Workload } from './workload.ts'
import { NEIGHBOURS } from './workloads/neighbours.ts'
import { PIPELINE } from './workloads/pipeline.ts'
import { READING } from './workloads/reading.ts'
import { START } from './workloads/start.ts'
import { UPLOADS } from './workloads/uploads.ts'

export const WORKLOADS: readonly Workload[] = [...UPLOADS, NEIGHBOURS, ...READING, ...PIPELINE, ...START]

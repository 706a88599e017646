import { setTimeout } from 'node:timers/promises'
import { once, putLoad } from '../load.ts'
import { residentMib } from '../process-usage.ts'
import type { BenchServer } from '../server.ts'
import { KIB, type Workload } from '../workload.ts'

/** What a server still does after its first upload takes no longer. */
const SETTLE_MS = 2000

async function untilFirstUpload(server: BenchServer): Promise<number> {
  const began = performance.now()
  await putLoad(server.port, { form: server.target.form, sizeBytes: 10 * KIB, connections: 1, goesOn: once })
  return server.readyMs + performance.now() - began
}

const start = (name: string, title: string, rest: Partial<Workload> = {}): Workload => ({
  name,
  title,
  figure: 'new ms',
  isLowerBetter: true,
  targets: ['bare-durable-pglite', 'koa-multer', 'mediaport', 'mediaport-pglite'],
  ...rest,
  async measure(server, { isShort }) {
    const settled = () => setTimeout(isShort ? 0 : SETTLE_MS)
    const newMs = await untilFirstUpload(server)
    await settled()
    const newMib = residentMib(server.pid)
    await server.stop('SIGTERM')
    await server.launch()
    const laterMs = await untilFirstUpload(server)
    await settled()
    return { 'new ms': newMs, 'later ms': laterMs, 'idle MiB new': newMib, 'idle MiB later': residentMib(server.pid) }
  },
})

export const START: readonly Workload[] = [
  start('start', 'from the start of the process to the first 201'),
  start('start-busy', 'the same with both cores busy', { busyCores: 2 }),
]

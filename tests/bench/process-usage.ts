import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { killOnExit } from '../support/processes.ts'

const EVERY_MS = 100
/** Of /proc/<pid>/stat; the same on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100

/** Resident memory of a process, without its children. */
export function residentMib(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024
}

/** Processor time of a process so far, in it and in the kernel. */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const [, , , , , , , , , , , user, kernel] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return ((Number(user) + Number(kernel)) * 1000) / TICKS_PER_SECOND
}

export interface Usage {
  readonly cpuMs: number
  readonly peakMib: number
}

/** Watches a process. @returns ends it and tells what was used since. */
export function watchUsage(pid: number): () => Usage {
  const before = cpuMs(pid)
  let peakMib = 0
  const look = () => {
    peakMib = Math.max(peakMib, residentMib(pid))
  }
  const timer = setInterval(look, EVERY_MS)
  return () => {
    clearInterval(timer)
    look()
    return { cpuMs: cpuMs(pid) - before, peakMib }
  }
}

/** Processes that never wait. @returns ends them. */
export function burnCores(count: number): () => void {
  const children = Array.from({ length: count }, () => spawn(process.execPath, ['-e', 'for (;;);']))
  for (const child of children) killOnExit(child)
  return () => {
    for (const child of children) child.kill('SIGKILL')
  }
}

import { readFileSync } from 'node:fs'

const EVERY_MS = 100
const MIB = 1024 * 1024

/** Resident memory of a process, without its children. */
export function residentMib(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return (Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024) / MIB
}

/** Watches the memory of a process until `peak` is called, which returns the largest figure. */
export function watchMemory(pid: number): { idleMib: number; peak: () => number } {
  const idleMib = residentMib(pid)
  let peakMib = idleMib
  const look = () => {
    peakMib = Math.max(peakMib, residentMib(pid))
  }
  const timer = setInterval(look, EVERY_MS)
  return {
    idleMib,
    peak() {
      clearInterval(timer)
      look()
      return peakMib
    },
  }
}

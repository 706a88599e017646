import type { ChildProcess } from 'node:child_process'

const endings = new Set<() => void>()
process.on('exit', endAll)
// Where a signal itself ends Node, nobody hears of `exit`.
for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

/** Nothing of what was tried goes on. */
export function endAll(): void {
  for (const end of endings) end()
  endings.clear()
}

/** Done by `endAll`, and when this process ends, however that comes about. */
export function atTheEnd(end: () => void): void {
  endings.add(end)
}

/** Does not outlive this process. */
export function endsWithUs(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): void {
  const end = () => void child.kill(signal)
  endings.add(end)
  child.once('exit', () => endings.delete(end))
}

/** By itself, or by a signal. */
export const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null

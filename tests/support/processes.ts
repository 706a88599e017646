import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const handlers = new Set<() => void>()
process.on('exit', runExitHandlers)
// A signal that ends Node.js does not emit `exit`.
for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

/** Runs all handlers of `onExit`, and kills all children of `killOnExit`. */
export function runExitHandlers(): void {
  // The newest first, so that processes are killed before their folders are deleted.
  for (const handler of [...handlers].toReversed()) handler()
  handlers.clear()
}

/** Runs `handler` when this process exits, also after a signal. */
export function onExit(handler: () => void): void {
  handlers.add(handler)
}

/** Creates a folder that is deleted when this process exits. */
export function folderUntilExit(): string {
  const folder = mkdtempSync(join(tmpdir(), 'mediaport-'))
  onExit(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}

/** Kills `child` when this process exits. */
export function killOnExit(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): void {
  const kill = () => void child.kill(signal)
  handlers.add(kill)
  child.once('exit', () => handlers.delete(kill))
}

/** Whether the process has exited by itself or by a signal. */
export const hasExited = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null

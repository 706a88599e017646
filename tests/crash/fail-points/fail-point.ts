import { writeFileSync } from 'node:fs'

const { FAIL_POINT, FAIL_FIRED = '', FAIL_SIGNAL = 'SIGKILL' } = process.env
let hasFired = false

/**
 * If `point` is that of FAIL_POINT, writes it to the file FAIL_FIRED and sends FAIL_SIGNAL to this process, by default
 * SIGKILL.
 */
export function failPoint(point: string): void {
  if (point !== FAIL_POINT || hasFired) return
  hasFired = true
  writeFileSync(FAIL_FIRED, point)
  process.kill(process.pid, FAIL_SIGNAL)
}

/** As `pass`, but kills another process. */
export function failPointOf(point: string, kill: () => void): void {
  if (point !== FAIL_POINT) return
  writeFileSync(FAIL_FIRED, point)
  kill()
}

/** Replaces a method by a wrapper of it. */
export function wrapMethod<Owner extends object, Name extends keyof Owner>(
  owner: Owner,
  name: Name,
  wrap: (original: Owner[Name]) => Owner[Name],
): void {
  owner[name] = wrap(owner[name])
}

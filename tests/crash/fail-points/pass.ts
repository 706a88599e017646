import { writeFileSync } from 'node:fs'

const { FAIL_POINT, FAIL_FIRED = '', FAIL_SIGNAL = 'SIGKILL' } = process.env
let hasFired = false

/** Ends this process as `kill -9` would, or gives it another signal, if that is to be here; leaves word where it was. */
export function pass(point: string): void {
  if (point !== FAIL_POINT || hasFired) return
  hasFired = true
  writeFileSync(FAIL_FIRED, point)
  process.kill(process.pid, FAIL_SIGNAL)
}

/** What is to be ended instead of this process. */
export function passFor(point: string, kill: () => void): void {
  if (point !== FAIL_POINT) return
  writeFileSync(FAIL_FIRED, point)
  kill()
}

/** The same method, with something before and after it. */
export function around<Owner extends object, Name extends keyof Owner>(
  owner: Owner,
  name: Name,
  wrap: (original: Owner[Name]) => Owner[Name],
): void {
  owner[name] = wrap(owner[name])
}

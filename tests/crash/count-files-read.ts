import childProcess, { type ChildProcess } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

/** Preloaded into a server: notes every file that is given to a reader in the file that FILES_READ names. */
const start = childProcess.spawn
const watched = (...given: Parameters<typeof start>): ChildProcess => {
  const child = start(...given)
  const send = child.send?.bind(child)
  if (send)
    child.send = (message: unknown, ...rest: never[]) => {
      const isFile = typeof message === 'object' && message !== null && 'type' in message && message.type === 'describe'
      if (isFile) appendFileSync(process.env['FILES_READ'] ?? '/dev/null', '.')
      return send(message as never, ...rest)
    }
  return child
}
Object.assign(childProcess, { spawn: watched })
syncBuiltinESMExports()

import childProcess, { type ChildProcess } from 'node:child_process'
import { syncBuiltinESMExports } from 'node:module'
import { wrapMethod } from './fail-point.ts'

/** Calls `onFile` each time this process has sent a file to a reader process. */
export function watchReaders(onFile: (reader: ChildProcess) => void): void {
  wrapMethod(
    childProcess,
    'spawn',
    (spawn) =>
      ((...args: Parameters<typeof spawn>): ChildProcess => {
        const child = spawn(...args)
        const send = child.send?.bind(child)
        if (!send) return child
        child.send = (message: unknown, ...rest: never[]) => {
          const isSent = send(message as never, ...rest)
          if (typeof message === 'object' && message !== null && 'type' in message && message.type === 'describe')
            onFile(child)
          return isSent
        }
        return child
      }) as typeof spawn,
  )
  syncBuiltinESMExports()
}

import type { ContentType } from '../../domain/values/content-type.ts'
import { ByteSource } from './byte-source.ts'
import { describeFile } from './describe-file.ts'
import type { ToChild, ToParent } from './messages.ts'

/** A process that describes one file at a time, and may come to any end while it does. */
const awaited = new Map<number, (bytes: Uint8Array) => void>()
let current = 0

process.on('message', (message: ToChild) => {
  if (message.type === 'describe') void describe(message)
  else if (message.file === current) {
    awaited.get(message.start)?.(message.bytes)
    awaited.delete(message.start)
  }
})
process.on('disconnect', () => process.exit())
tell({ type: 'ready' })

async function describe({ file, contentType, size, first }: Extract<ToChild, { type: 'describe' }>): Promise<void> {
  current = file
  awaited.clear()
  const source = new ByteSource(
    size,
    (start, end) =>
      new Promise((resolve) => {
        awaited.set(start, resolve)
        tell({ type: 'read', file, start, end })
      }),
    first,
  )
  tell({ type: 'described', file, metadata: await describeFile(contentType as ContentType, source) })
}

function tell(message: ToParent): void {
  process.send?.(message)
}

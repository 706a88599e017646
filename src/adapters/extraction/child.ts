import type { ContentType } from '../../domain/content-type.ts'
import { ByteSource } from './byte-source.ts'
import { describeFile } from './describe-file.ts'
import type { ToChild, ToParent } from './messages.ts'

/** A process that describes one file at a time, and may come to any end while it does. */
const awaited = new Map<number, (bytes: Uint8Array) => void>()

process.on('message', (message: ToChild) => {
  if (message.type === 'describe') void describe(message.contentType as ContentType, message.size)
  else {
    awaited.get(message.start)?.(message.bytes)
    awaited.delete(message.start)
  }
})
process.on('disconnect', () => process.exit())
tell({ type: 'ready' })

async function describe(contentType: ContentType, size: number): Promise<void> {
  awaited.clear()
  const source = new ByteSource(
    size,
    (start, end) =>
      new Promise((resolve) => {
        awaited.set(start, resolve)
        tell({ type: 'read', start, end })
      }),
  )
  tell({ type: 'described', metadata: await describeFile(contentType, source) })
}

function tell(message: ToParent): void {
  process.send?.(message)
}

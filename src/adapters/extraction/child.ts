/** The child process. It reads the metadata of one file at a time. A hostile file may crash it or make it hang. */
import type { ContentType } from '../../domain/values/content-type.ts'
import { ByteSource } from './byte-source.ts'
import { describeFile } from './describe-file.ts'
import type { MessageToChild, MessageToParent } from './messages.ts'

/** The reads that wait for the parent, by their start position. */
const pendingReads = new Map<number, (bytes: Uint8Array) => void>()
let currentFile = 0

process.on('message', (message: MessageToChild) => {
  if (message.type === 'describe') void extract(message)
  else if (message.file === currentFile) {
    pendingReads.get(message.start)?.(message.bytes)
    pendingReads.delete(message.start)
  }
})
process.on('disconnect', () => process.exit())
send({ type: 'ready' })

async function extract({
  file,
  contentType,
  size,
  first,
}: Extract<MessageToChild, { type: 'describe' }>): Promise<void> {
  currentFile = file
  pendingReads.clear()
  const source = new ByteSource(
    size,
    (start, end) =>
      new Promise((resolve) => {
        pendingReads.set(start, resolve)
        send({ type: 'read', file, start, end })
      }),
    first,
  )
  send({ type: 'described', file, metadata: await describeFile(contentType as ContentType, source) })
}

function send(message: MessageToParent): void {
  process.send?.(message)
}

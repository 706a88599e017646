import type { NotMoved } from '../../application/upkeep/copy-file.ts'
import type { MoveMedia } from '../../application/upkeep/move-media.ts'
import { counter, escapeControls, humanSize, unavailableText } from './terminal.ts'

/** The options of `mediaport move`: names of storages. */
export interface MoveOptions {
  readonly from: string
  readonly to: string
  readonly dryRun?: boolean
}

const REASON_TEXTS: Record<NotMoved['reason'], string> = {
  'file-missing': 'the file is missing',
  'file-damaged': 'the file does not have the bytes that were uploaded',
  'storage-error': 'the target storage refuses the file',
  'insufficient-storage': 'the target storage is full',
  'too-slow': 'the copy took too long',
  unavailable: 'a storage does not answer',
}

/**
 * Moves the files and prints the outcome.
 *
 * @returns The exit status: 1 if a file was not moved.
 */
export async function moveFiles(move: MoveMedia, { from, to, dryRun }: MoveOptions): Promise<number> {
  const progress = counter(`media items moved from ${from} to ${to}`)
  const moved = await move({ from, to, isTrial: dryRun, onProgress: ({ media }) => progress.show(media) })
  progress.end()
  if (moved.isErr()) {
    console.error(unavailableText(moved.error))
    console.error('Files that were moved stay moved. Run the same command again to move the others.')
    return 1
  }
  const { media, bytes, failures } = moved.value
  for (const { id, reason, cause } of failures) {
    const detail = cause instanceof Error ? ` (${escapeControls(cause.message)})` : ''
    console.error(`${id} was not moved: ${REASON_TEXTS[reason]}${detail}`)
  }
  console.log(`Media items ${dryRun ? 'to move' : 'moved'} from ${from} to ${to}: ${media} (${humanSize(bytes)}).`)
  return failures.length === 0 ? 0 : 1
}

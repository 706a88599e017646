import type { NotMoved } from '../../application/upkeep/copy-file.ts'
import type { MoveMedia } from '../../application/upkeep/move-media.ts'
import { counter, humanSize, printable, sayUnavailable } from './terminal.ts'

export interface MoveOptions {
  readonly from: string
  readonly to: string
  readonly dryRun?: boolean
}

const REASONS: Record<NotMoved['reason'], string> = {
  'file-missing': 'its file is gone',
  'file-damaged': 'its file has other bytes than were uploaded',
  'storage-error': 'the other storage does not take it',
  'insufficient-storage': 'the other storage has no room for it',
  'too-slow': 'it took too long',
  unavailable: 'one of the storages did not answer',
}

/** @returns an exit status. */
export async function moveFiles(move: MoveMedia, { from, to, dryRun }: MoveOptions): Promise<number> {
  const progress = counter(`media moved from ${from} to ${to}`)
  const done = await move({ from, to, isTrial: dryRun, onProgress: ({ media }) => progress.show(media) })
  progress.end()
  if (done.isErr()) {
    console.error(sayUnavailable(done.error))
    console.error('What was moved so far stays there; the same command goes on from there.')
    return 1
  }
  const { media, bytes, failures } = done.value
  for (const { id, reason, cause } of failures) {
    const why = cause instanceof Error ? ` (${printable(cause.message)})` : ''
    console.error(`${id} stays where it is: ${REASONS[reason]}${why}`)
  }
  console.log(`${dryRun ? 'Would move' : 'Moved'} ${media} media, ${humanSize(bytes)}, from ${from} to ${to}.`)
  return failures.length === 0 ? 0 : 1
}

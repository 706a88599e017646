import type { Rebuild } from '../../application/projections/rebuild.ts'
import { counter, unavailableText } from './terminal.ts'

/** The options of `mediaport rebuild`. Without any, it rebuilds both projections. */
export interface RebuildOptions {
  readonly metadata?: boolean
  readonly titles?: boolean
}

/**
 * Rebuilds the metadata store, the title cache, or both.
 *
 * @returns The exit status.
 */
export async function rebuildProjections(rebuild: Rebuild, { metadata, titles }: RebuildOptions): Promise<number> {
  const isBoth = !metadata && !titles
  const progress = counter('media items')
  const rebuilt = await rebuild({
    metadata: metadata || isBoth,
    titles: titles || isBoth,
    onProgress: (count) => progress.show(count),
  })
  progress.end()
  if (rebuilt.isErr()) {
    console.error(unavailableText(rebuilt.error))
    console.error('Entries that were rebuilt are kept. Run the same command again to rebuild the others.')
    return 1
  }
  console.log(`Media items checked: ${rebuilt.value}. Missing entries were rebuilt.`)
  return 0
}

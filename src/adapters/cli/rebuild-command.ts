import type { Rebuild } from '../../application/projections/rebuild.ts'
import { counter, sayUnavailable } from './terminal.ts'

export interface RebuildOptions {
  readonly metadata?: boolean
  readonly titles?: boolean
}

/** Without an option, both. @returns an exit status. */
export async function rebuildProjections(rebuild: Rebuild, { metadata, titles }: RebuildOptions): Promise<number> {
  const isBoth = !metadata && !titles
  const progress = counter('media')
  const done = await rebuild({
    metadata: metadata || isBoth,
    titles: titles || isBoth,
    onProgress: (count) => progress.show(count),
  })
  progress.end()
  if (done.isErr()) {
    console.error(sayUnavailable(done.error))
    console.error('What was rebuilt so far stays; the same command goes on from there.')
    return 1
  }
  console.log(`Rebuilt what ${done.value} media lacked.`)
  return 0
}

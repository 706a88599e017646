/**
 * Fail points at the rows: before a transition, after its COMMIT was sent and before the reply was read, and after it.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { Client } from 'pg'
import { KyselyMediaRepository } from '../../../src/adapters/kysely/kysely-media-repository.ts'
import type { MediaEvent } from '../../../src/domain/media/events.ts'
import type { Media } from '../../../src/domain/media/media.ts'
import { failPoint, surround, wrapMethod } from './fail-point.ts'

const NAMES: Readonly<Record<MediaEvent['type'], string>> = {
  'media-stored': 'commit',
  'media-changed': 'change',
  'media-deleted': 'deletion',
  'media-abandoned': 'abandon',
  'attempt-replaced': 'next attempt',
  'attempt-late': 'report of a late attempt',
  'copy-started': 'start of a copy',
}

type Query = (this: Client, ...args: unknown[]) => unknown

/** The transition of the current transaction. */
const transitions = new AsyncLocalStorage<{ name: string | undefined }>()
/** The storage keys whose first discard is recorded. Their next deletion is the second discard. */
export const discarded = new Set<string>()

const isDiscarded = (media: Media): boolean => 'discardedAt' in media && media.discardedAt !== undefined

export function armRows(): void {
  surround(KyselyMediaRepository, 'add', () => 'row')
  surround(KyselyMediaRepository, 'forget', () => 'row is forgotten')

  wrapMethod(
    KyselyMediaRepository.prototype,
    'update',
    (update): KyselyMediaRepository['update'] =>
      function (this: KyselyMediaRepository, id, change) {
        const transition: { name: string | undefined } = { name: undefined }
        return transitions.run(transition, () =>
          update
            .call<KyselyMediaRepository, Parameters<typeof update>, ReturnType<typeof update>>(this, id, (media, now) =>
              change(media, now).andTee((to) => {
                const [event] = to.events
                transition.name = event
                  ? NAMES[event.type]
                  : isDiscarded(to.media)
                    ? 'record of the discard'
                    : undefined
                failPoint(`before the ${transition.name}`)
              }),
            )
            .andTee((media) => {
              failPoint(`after the ${transition.name}`)
              if (transition.name === 'record of the discard') discarded.add(media.storageKey)
            }),
        ) as never
      },
  )

  const statements = Client.prototype as unknown as { query: Query }
  wrapMethod(
    statements,
    'query',
    (query) =>
      function (this: Client, ...args) {
        // When this returns, the kernel has the statement. Its reply has not been read.
        const answer = query.apply(this, args)
        const [statement] = args
        if (typeof statement === 'string' && statement.includes('insert into media_job')) failPoint('row sent')
        if (statement === 'commit') failPoint(`COMMIT of the ${transitions.getStore()?.name} sent`)
        return answer
      },
  )
}

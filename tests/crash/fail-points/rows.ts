/** Fail points at the rows: before a transition, with its COMMIT sent and the answer not read, and after it. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { Client } from 'pg'
import { KyselyMediaRepository } from '../../../src/adapters/kysely/kysely-media-repository.ts'
import type { MediaEvent } from '../../../src/domain/media/events.ts'
import type { Media } from '../../../src/domain/media/media.ts'
import { around, pass } from './pass.ts'

const NAMES: Readonly<Record<MediaEvent['type'], string>> = {
  'media-stored': 'commit',
  'media-changed': 'change',
  'media-deleted': 'deletion',
  'media-abandoned': 'putting away',
  'attempt-replaced': 'next attempt',
  'attempt-late': 'word of a late attempt',
  'copy-started': 'beginning of a copy',
}

type Query = (this: Client, ...given: unknown[]) => unknown

/** Which transition the statements of this transaction are for. */
const transitions = new AsyncLocalStorage<{ name: string | undefined }>()
/** Keys whose first discard is written down: what deletes them now is the second. */
export const discarded = new Set<string>()

const isDiscarded = (media: Media): boolean => 'discardedAt' in media && media.discardedAt !== undefined

export function armRows(): void {
  around(
    KyselyMediaRepository.prototype,
    'add',
    (add) =>
      function (this: KyselyMediaRepository, ...given) {
        pass('before the row')
        return add.apply(this, given).andTee(() => pass('after the row'))
      },
  )

  around(
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
                transition.name = event ? NAMES[event.type] : isDiscarded(to.media) ? 'note of the discard' : undefined
                pass(`before the ${transition.name}`)
              }),
            )
            .andTee((media) => {
              pass(`after the ${transition.name}`)
              if (transition.name === 'note of the discard') discarded.add(media.storageKey)
            }),
        ) as never
      },
  )

  around(
    KyselyMediaRepository.prototype,
    'forget',
    (forget) =>
      function (this: KyselyMediaRepository, ...given) {
        pass('before it is forgotten')
        return forget.apply(this, given).andTee(() => pass('after it is forgotten'))
      },
  )

  const statements = Client.prototype as unknown as { query: Query }
  around(
    statements,
    'query',
    (query) =>
      function (this: Client, ...given) {
        // The statement is with the kernel when this returns: it was sent, and nobody has read what came of it.
        const answer = query.apply(this, given)
        const [statement] = given
        if (typeof statement === 'string' && statement.includes('insert into media_job')) pass('row sent')
        if (statement === 'commit') pass(`COMMIT of the ${transitions.getStore()?.name} sent`)
        return answer
      },
  )
}

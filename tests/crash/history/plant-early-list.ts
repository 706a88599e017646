/** Preloaded into a server, plants what the check of histories has to find: a list that shows what is not complete. */
import { KyselyMediaRepository } from '../../../src/adapters/kysely/kysely-media-repository.ts'
import type { Receiving, Stored } from '../../../src/domain/media/media.ts'
import { around } from '../fail-points/pass.ts'

const asIfStored = (media: Receiving): Stored =>
  ({
    ...media,
    state: 'stored',
    fileId: media.storageKey,
    url: undefined,
    sizeBytes: 0,
    sha256: '',
    fingerprint: '',
    title: 'not yet',
    tags: [],
    version: 0,
  }) as unknown as Stored

around(
  KyselyMediaRepository.prototype,
  'list',
  (list) =>
    function (this: KyselyMediaRepository, query) {
      return list
        .call(this, query)
        .andThen((page) =>
          this.scan(undefined, 1000).map((all) => [
            ...all.filter((media) => media.state === 'receiving').map(asIfStored),
            ...page,
          ]),
        )
    },
)

/** Preload for a server. Plants an anomaly that the checker must find: a list that shows incomplete uploads. */
import { KyselyMediaRepository } from '../../../src/adapters/kysely/kysely-media-repository.ts'
import type { Receiving, Stored } from '../../../src/domain/media/media.ts'
import { wrapMethod } from '../fail-points/fail-point.ts'

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

wrapMethod(
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

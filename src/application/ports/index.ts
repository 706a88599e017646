import type { ExtractMetadata } from './extract-metadata.ts'
import type { FileStorage } from './file-storage.ts'
import type { Identity } from './identity.ts'
import type { MediaRepository } from './media-repository.ts'
import type { MetadataStore } from './metadata-store.ts'
import type { Sniff } from './sniff.ts'
import type { TitleCache } from './title-cache.ts'

/** Everything that the use cases need. A repository also needs an `Outbox`, which its constructor takes. */
export interface Ports {
  readonly media: MediaRepository
  /** The first storage receives new files. Each serves the media items whose row names it. */
  readonly storages: readonly [FileStorage, ...FileStorage[]]
  readonly metadata: MetadataStore
  readonly titles: TitleCache
  readonly sniff: Sniff
  readonly extract: ExtractMetadata
  readonly identity: Identity
}

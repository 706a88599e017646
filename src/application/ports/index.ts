import type { ExtractMetadata } from './extract-metadata.ts'
import type { FileStorage } from './file-storage.ts'
import type { Identity } from './identity.ts'
import type { MediaRepository } from './media-repository.ts'
import type { MetadataStore } from './metadata-store.ts'
import type { Sniff } from './sniff.ts'
import type { TitleCache } from './title-cache.ts'

/** All that the use cases need from outside. */
export interface Ports {
  readonly media: MediaRepository
  /** The first takes new files; each serves the media whose row names it. */
  readonly storages: readonly [FileStorage, ...FileStorage[]]
  readonly metadata: MetadataStore
  readonly titles: TitleCache
  readonly sniff: Sniff
  readonly extract: ExtractMetadata
  readonly identity: Identity
}

import { okAsync, type ResultAsync } from 'neverthrow'
import type { DescribedFile, MetadataStore } from '../../application/ports/metadata-store.ts'
import type { Attempt, MediaId } from '../../domain/media/ids.ts'
import type { Metadata } from '../../domain/metadata.ts'

const PAGE_SIZE = 1000

/**
 * Stores the documents in the memory of this process.
 *
 * @example
 * const metadata = new MemoryMetadataStore()
 */
export class MemoryMetadataStore implements MetadataStore {
  readonly #documents = new Map<MediaId, { attempt: Attempt; metadata: Metadata }>()

  save(id: MediaId, attempt: Attempt, metadata: Metadata): ResultAsync<void, never> {
    this.#documents.set(id, { attempt, metadata: structuredClone(metadata) })
    return okAsync(undefined)
  }

  find(id: MediaId, attempt: Attempt): ResultAsync<Metadata | undefined, never> {
    const document = this.#documents.get(id)
    return okAsync(document?.attempt === attempt ? structuredClone(document.metadata) : undefined)
  }

  remove(id: MediaId, attempt: Attempt): ResultAsync<void, never> {
    if (this.#documents.get(id)?.attempt === attempt) this.#documents.delete(id)
    return okAsync(undefined)
  }

  list(after = ''): ResultAsync<readonly DescribedFile[], never> {
    const all = [...this.#documents].map(([id, { attempt }]) => ({ id, attempt }))
    return okAsync(
      all
        .filter(({ id }) => id > after)
        .toSorted((a, b) => (a.id < b.id ? -1 : 1))
        .slice(0, PAGE_SIZE),
    )
  }
}

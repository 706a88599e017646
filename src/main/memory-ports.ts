import { extractInProcess } from '../adapters/extraction/in-process.ts'
import { sniff } from '../adapters/file-type/sniff.ts'
import { MemoryFileStorage } from '../adapters/memory/memory-file-storage.ts'
import { MemoryMediaRepository } from '../adapters/memory/memory-media-repository.ts'
import { MemoryMetadataStore } from '../adapters/memory/memory-metadata-store.ts'
import { MemoryTitleCache } from '../adapters/memory/memory-title-cache.ts'
import type { Ports } from '../application/ports/index.ts'
import { randomIdentity } from './identity.ts'

/**
 * Every port in memory, for tests and trials: nothing to install, nothing to clean up, gone with the process. They pass
 * the same contracts as the real adapters.
 */
export function memoryPorts(): Ports {
  return {
    media: new MemoryMediaRepository(),
    storages: [new MemoryFileStorage()],
    titles: new MemoryTitleCache(),
    sniff,
    metadata: new MemoryMetadataStore(),
    extract: extractInProcess,
    identity: randomIdentity,
  }
}

import { extractInProcess } from '../adapters/extraction/in-process.ts'
import { sniff } from '../adapters/file-type/sniff.ts'
import { randomIdentity } from '../adapters/identity/random-identity.ts'
import { MemoryFileStorage } from '../adapters/memory/memory-file-storage.ts'
import { MemoryJobs } from '../adapters/memory/memory-jobs.ts'
import { MemoryMediaRepository } from '../adapters/memory/memory-media-repository.ts'
import { MemoryMetadataStore } from '../adapters/memory/memory-metadata-store.ts'
import { MemoryTitleCache } from '../adapters/memory/memory-title-cache.ts'
import type { Ports } from '../application/ports/index.ts'

/**
 * All ports in memory, for tests and first steps. They pass the same contract tests as the other adapters. `jobs`
 * stores the jobs that follow from uploads, changes and deletions until `jobs.run` is called.
 *
 * @example
 * const ports = memoryPorts()
 * const mediaport = createMediaport(ports)
 * await ports.jobs.run(mediaport.work)
 */
export function memoryPorts(): Ports & { readonly jobs: MemoryJobs } {
  const jobs = new MemoryJobs()
  return {
    jobs,
    media: new MemoryMediaRepository(jobs),
    storages: [new MemoryFileStorage()],
    titles: new MemoryTitleCache(),
    metadata: new MemoryMetadataStore(),
    sniff,
    extract: extractInProcess,
    identity: randomIdentity,
  }
}

import { MemoryFileStorage } from '../adapters/memory/memory-file-storage.ts'
import { MemoryMediaRepository } from '../adapters/memory/memory-media-repository.ts'
import { sniffFileType } from '../adapters/sniffing/sniff-file-type.ts'
import type { Ports } from '../application/mediaport.ts'
import { randomIdentity } from './identity.ts'

/**
 * Every port in memory, for tests and trials: nothing to install, nothing to clean up, gone with the process. They pass
 * the same contracts as the real adapters.
 */
export function memoryPorts(): Ports {
  return {
    media: new MemoryMediaRepository(),
    storages: [new MemoryFileStorage()],
    sniff: sniffFileType,
    identity: randomIdentity,
  }
}

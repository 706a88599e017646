import { randomIdentity } from '../../src/adapters/identity/random-identity.ts'
import type { FileStorage } from '../../src/application/ports/file-storage.ts'
import type { MediaRepository } from '../../src/application/ports/media-repository.ts'
import { type StorageKey, storageKey } from '../../src/domain/media/ids.ts'
import type { Receiving } from '../../src/domain/media/media.ts'
import type { ContentType } from '../../src/domain/values/content-type.ts'
import { parseFileName } from '../../src/domain/values/file-name.ts'
import { inChunks, PNG } from '../samples.ts'

interface Stores {
  readonly media: MediaRepository
  readonly storage: FileStorage
}

/** What a process leaves that dies while it receives: a row, and its bytes if they were all there. */
export async function dieReceiving(
  { media, storage }: Stores,
  { bytes = PNG, leaseSeconds = 60 }: { bytes?: Uint8Array | undefined; leaseSeconds?: number } = {},
): Promise<Receiving> {
  const [id, attempt] = [randomIdentity.newId(), randomIdentity.newAttempt()]
  const intent = {
    id,
    owner: 'anonymous',
    attempt,
    storage: storage.name,
    storageKey: storageKey(id, attempt),
    filename: parseFileName('a.png')._unsafeUnwrap(),
    mimeType: 'image/png' as ContentType,
  }
  const receiving = (await media.add(intent, leaseSeconds))._unsafeUnwrap()
  await keep(storage, receiving.storageKey, bytes)
  return receiving
}

/** Puts bytes into the storage behind every row's back. */
export const keep = async (storage: FileStorage, key: StorageKey, bytes: Uint8Array = PNG): Promise<void> => {
  const hints = { contentType: 'image/png' as ContentType, signal: new AbortController().signal }
  ;(await storage.put(key, inChunks(bytes), hints))._unsafeUnwrap()
}

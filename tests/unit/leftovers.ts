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

/** Creates what a process leaves that crashes after the last byte of an upload: a row in `receiving`, and its file. */
export async function createCrashedUpload(
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
  await putFile(storage, receiving.storageKey, bytes)
  return receiving
}

/** Puts a file into the storage without a row. */
export const putFile = async (storage: FileStorage, key: StorageKey, bytes: Uint8Array = PNG): Promise<void> => {
  const hints = { contentType: 'image/png' as ContentType, signal: new AbortController().signal }
  ;(await storage.put(key, inChunks(bytes), hints))._unsafeUnwrap()
}

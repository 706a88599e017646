/** Fail points at the storages, and at the disk and the requests to ImageKit that they use. */
import disk from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { FilesystemFileStorage } from '../../../src/adapters/filesystem/filesystem-file-storage.ts'
import { ImagekitFileStorage } from '../../../src/adapters/imagekit/imagekit-file-storage.ts'
import { failPoint, surround, wrapMethod } from './fail-point.ts'
import { discarded } from './rows.ts'

type Storage = Pick<FilesystemFileStorage, 'put' | 'delete'>
const STORAGES: readonly { readonly prototype: Storage }[] = [FilesystemFileStorage, ImagekitFileStorage]
const HALF = Number(process.env['FAIL_SIZE']) / 2

/** When a storage requests the next chunk, it has stored the previous ones. */
async function* counted(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let size = 0
  for await (const chunk of body) {
    yield chunk
    if (size === 0) failPoint('first bytes stored')
    size += chunk.length
    if (size >= HALF) failPoint('half of the bytes stored')
  }
  failPoint('all bytes stored')
}

export function armBytes(): void {
  for (const storage of STORAGES) {
    wrapMethod(
      storage.prototype,
      'put',
      (put) =>
        function (this: Storage, key, body, hints) {
          return put.call(this, key, counted(body), hints).andTee(() => failPoint('storage complete'))
        },
    )
    surround(storage, 'delete', (key) => `${discarded.has(key) ? 'second' : 'first'} discard`)
  }

  wrapMethod(disk, 'rename', (rename) => async (...args) => {
    failPoint('file written, not renamed')
    await rename(...args)
    failPoint('file renamed, folder not synced')
  })
  syncBuiltinESMExports()

  wrapMethod(globalThis, 'fetch', (fetch) => async (...args) => {
    const isUpload = typeof args[0] === 'string' && args[0].endsWith('/files/upload')
    if (isUpload) failPoint('before the request to ImageKit')
    const answer = await fetch(...args)
    if (isUpload) failPoint('response of ImageKit not read')
    return answer
  })
}

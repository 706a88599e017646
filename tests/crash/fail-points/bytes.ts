/** Fail points at the storages, and at what they are made of: the disk, and requests to ImageKit. */
import disk from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { FilesystemFileStorage } from '../../../src/adapters/filesystem/filesystem-file-storage.ts'
import { ImagekitFileStorage } from '../../../src/adapters/imagekit/imagekit-file-storage.ts'
import { around, pass } from './pass.ts'
import { discarded } from './rows.ts'

const HALF = Number(process.env['FAIL_SIZE']) / 2

/** A storage that asks for the next bytes has taken those before. */
async function* counted(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let size = 0
  for await (const chunk of body) {
    yield chunk
    if (size === 0) pass('first bytes stored')
    size += chunk.length
    if (size >= HALF) pass('half of the bytes stored')
  }
  pass('all bytes stored')
}

export function armBytes(): void {
  for (const { prototype } of [FilesystemFileStorage, ImagekitFileStorage]) {
    around<Pick<FilesystemFileStorage, 'put'>, 'put'>(
      prototype,
      'put',
      (put) =>
        function (this: FilesystemFileStorage, key, body, hints) {
          return put.call(this, key, counted(body), hints).andTee(() => pass('storage complete'))
        },
    )
    around<Pick<FilesystemFileStorage, 'delete'>, 'delete'>(
      prototype,
      'delete',
      (remove) =>
        function (this: FilesystemFileStorage, key) {
          const which = discarded.has(key) ? 'second' : 'first'
          pass(`before the ${which} discard`)
          return remove.call(this, key).andTee(() => pass(`after the ${which} discard`))
        },
    )
  }

  around(disk, 'rename', (rename) => async (...given) => {
    pass('file written, before it has its name')
    await rename(...given)
    pass('file has its name, its folder is not flushed')
  })
  syncBuiltinESMExports()

  around(globalThis, 'fetch', (fetch) => async (...given) => {
    const isUpload = typeof given[0] === 'string' && given[0].endsWith('/files/upload')
    if (isUpload) pass('before the request to ImageKit')
    const answer = await fetch(...given)
    if (isUpload) pass('ImageKit has answered, nobody has read it')
    return answer
  })
}

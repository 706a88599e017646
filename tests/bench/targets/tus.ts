/** @tus/server and @tus/file-store, and one INSERT: an upload is created with its bytes in one POST. */
import { FileStore } from '@tus/file-store'
import { Server } from '@tus/server'
import { folder, insert, prepare, serveBy } from './common.ts'

const tus = new Server({
  path: '/upload',
  datastore: new FileStore({ directory: folder }),
  async onUploadFinish(_request, { id, offset }) {
    const body = JSON.stringify(await insert({ file_id: id, size: offset }))
    return { status_code: 201, headers: { 'Content-Type': 'application/json' }, body }
  },
})
await prepare()
await serveBy((req, res) => tus.handle(req, res))

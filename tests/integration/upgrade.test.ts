import { copyFileSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { Kysely, PGliteDialect } from 'kysely'
import { expect, it, onTestFinished } from 'vitest'
import { FilesystemFileStorage } from '../../src/adapters/filesystem/filesystem-file-storage.ts'
import type { Database } from '../../src/adapters/kysely/database.ts'
import { KyselyMediaRepository } from '../../src/adapters/kysely/kysely-media-repository.ts'
import { KyselyMetadataStore } from '../../src/adapters/kysely/kysely-metadata-store.ts'
import { migrate } from '../../src/adapters/kysely/migrations.ts'
import { createMediaport } from '../../src/application/mediaport.ts'
import { EVERYONE } from '../../src/application/owner.ts'
import { memoryPorts } from '../../src/main/memory-ports.ts'
import { collect } from '../samples.ts'
import { noJobs } from '../support/no-jobs.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const SAMPLES = new URL('../samples/', import.meta.url)
/** Made by version 0.1: two stored media items of the same picture, and a deleted one. */
const DUMP = readFileSync(new URL('version-0.1.sql', SAMPLES), 'utf8')

it('A database and files of version 0.1 are served by this version', async () => {
  const folder = temporaryFolder()
  const pglite = new PGlite()
  await pglite.exec(DUMP)
  // The dump has emptied it.
  await pglite.exec('set search_path to public')
  const db = new Kysely<Database>({ dialect: new PGliteDialect({ pglite }) })
  onTestFinished(() => db.destroy())
  await migrate(db)

  const mediaport = createMediaport({
    ...memoryPorts(),
    media: new KyselyMediaRepository(db, noJobs),
    metadata: new KyselyMetadataStore(db),
    storages: [new FilesystemFileStorage(folder)],
  })
  const { items } = (await mediaport.listMedia({ owner: EVERYONE }))._unsafeUnwrap()
  expect(items.map(({ title, tags, url }) => ({ title, tags, url }))).toEqual([
    { title: 'Second', tags: ['sea'], url: undefined },
    { title: 'Été à Nice', tags: ['summer', 'sea'], url: undefined },
  ])
  const picture = new URL('picture.jpg', SAMPLES)
  for (const { id, storageKey } of items) {
    mkdirSync(join(folder, storageKey.slice(-2)), { recursive: true })
    copyFileSync(picture, join(folder, storageKey.slice(-2), storageKey))
    const body = (await mediaport.openContent(id, { owner: EVERYONE }).andThen(({ open }) => open()))._unsafeUnwrap()
    expect(readFileSync(picture).equals(await collect(body))).toBe(true)
    expect((await mediaport.readMetadata(id, { owner: EVERYONE }))._unsafeUnwrap()).toMatchObject({
      status: 'ready',
      format: 'jpeg',
    })
  }
  const changed = (
    await mediaport.changeMedia(items[0]?.id ?? '', { owner: EVERYONE, title: 'Changed' })
  )._unsafeUnwrap()
  expect(changed).toMatchObject({ title: 'Changed', version: 2 })
  const { items: tagged } = (await mediaport.listMedia({ owner: EVERYONE, tag: 'summer' }))._unsafeUnwrap()
  expect(tagged).toHaveLength(1)
})

import 'reflect-metadata/lite'
import { join } from 'node:path'
import { type DependencyContainer, type InjectionToken, instanceCachingFactory, container as root } from 'tsyringe'
import { sniff } from '../adapters/file-type/sniff.ts'
import { FilesystemFileStorage } from '../adapters/filesystem/filesystem-file-storage.ts'
import { randomIdentity } from '../adapters/identity/random-identity.ts'
import { KyselyMediaRepository } from '../adapters/kysely/kysely-media-repository.ts'
import { KyselyMetadataStore } from '../adapters/kysely/kysely-metadata-store.ts'
import { MemoryTitleCache } from '../adapters/memory/memory-title-cache.ts'
import { noTitleCache } from '../adapters/memory/no-title-cache.ts'
import { createMediaport, type Mediaport } from '../application/mediaport.ts'
import type { Config } from './config.ts'
import type { Connections } from './connections.ts'

export const MEDIAPORT: InjectionToken<Mediaport> = Symbol('Mediaport')

/** Composes the use cases of this configuration. They are created when they are resolved. The caller must close the connections. */
export async function buildContainer(config: Config, connections: Connections): Promise<DependencyContainer> {
  const { db, jobs, projections, installation } = connections
  const storages = await openStorages(config, installation)
  // With a database server there may be several processes. Each would keep titles that another one has changed.
  const defaultTitles = () => (config.databaseUrl === undefined ? new MemoryTitleCache() : noTitleCache)
  const create = () =>
    createMediaport(
      {
        media: new KyselyMediaRepository(db, jobs),
        storages,
        metadata: projections.metadata ?? new KyselyMetadataStore(db),
        titles: projections.titles ?? defaultTitles(),
        extract: projections.extraction.extract,
        sniff,
        identity: randomIdentity,
      },
      config.policy,
    )
  return root.createChildContainer().register(MEDIAPORT, { useFactory: instanceCachingFactory(create) })
}

/** Opens every configured storage, because files stay in the storage that received them. */
async function openStorages(config: Config, installation: Connections['installation']) {
  const { storage, imagekit, dataDir } = config
  const filesystem = new FilesystemFileStorage(filesFolder(config, installation))
  if (!imagekit) return [filesystem] as const
  const { ImagekitFileStorage } = await import('../adapters/imagekit/imagekit-file-storage.ts')
  const { folder, spools, ...account } = imagekit
  const remote = new ImagekitFileStorage({
    ...account,
    folder: `${folder}/${installation.id}`.replace('//', '/'),
    spoolFolder: spools ? join(dataDir, 'spool') : undefined,
  })
  return storage === 'imagekit' ? ([remote, filesystem] as const) : ([filesystem, remote] as const)
}

/** The folder in which the filesystem storage keeps the files of this installation. */
export const filesFolder = ({ dataDir }: Pick<Config, 'dataDir'>, { id }: Connections['installation']): string =>
  join(dataDir, 'files', id)

/** The name of the adapter of each port, for the log. */
export const adapterNames = ({
  databaseUrl,
  dataDir,
  mongodbUrl,
  redis,
  storage,
  imagekit,
}: Config): Record<string, string> => ({
  media: databaseUrl === undefined ? `PGlite (${join(dataDir, 'db')})` : 'PostgreSQL',
  storage: storage === 'imagekit' ? `ImageKit (${imagekit?.urlEndpoint})` : `filesystem (${join(dataDir, 'files')})`,
  metadata: mongodbUrl === undefined ? (databaseUrl === undefined ? 'PGlite' : 'PostgreSQL') : 'MongoDB',
  titles: redis === undefined ? (databaseUrl === undefined ? 'memory' : 'none') : 'Redis',
  jobs: databaseUrl === undefined ? 'pg-boss on PGlite' : 'pg-boss on PostgreSQL',
})

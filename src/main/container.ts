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
import type { ExtractMetadata } from '../application/ports/extract-metadata.ts'
import type { Identity } from '../application/ports/identity.ts'
import type { Ports } from '../application/ports/index.ts'
import type { MediaRepository } from '../application/ports/media-repository.ts'
import type { MetadataStore } from '../application/ports/metadata-store.ts'
import type { Sniff } from '../application/ports/sniff.ts'
import type { TitleCache } from '../application/ports/title-cache.ts'
import type { Config } from './config.ts'
import type { Connections } from './connections.ts'

const token = <T>(name: string): InjectionToken<T> => Symbol(name)

const MEDIA = token<MediaRepository>('MediaRepository')
/** The first takes new files. */
const STORAGES = token<Ports['storages']>('FileStorages')
const TITLES = token<TitleCache>('TitleCache')
const METADATA = token<MetadataStore>('MetadataStore')
const EXTRACT = token<ExtractMetadata>('ExtractMetadata')
const SNIFF = token<Sniff>('Sniff')
const IDENTITY = token<Identity>('Identity')
export const MEDIAPORT = token<Mediaport>('Mediaport')

/** Which adapter serves each port, for this configuration. What it opens is closed by `Connections`, not here. */
export async function buildContainer(
  config: Config,
  { db, jobs, installation, projections }: Connections,
): Promise<DependencyContainer> {
  const container = root.createChildContainer()
  const bind = <T>(token: InjectionToken<T>, make: (container: DependencyContainer) => T) =>
    container.register<T>(token, { useFactory: instanceCachingFactory(make) })

  bind(MEDIA, () => new KyselyMediaRepository(db, jobs))
  // One process on an embedded database; of several on a server, each would keep a title that another has changed.
  const embeddedTitles = () => (config.databaseUrl === undefined ? new MemoryTitleCache() : noTitleCache)
  bind(TITLES, () => projections.titles ?? embeddedTitles())
  bind(METADATA, () => projections.metadata ?? new KyselyMetadataStore(db))
  bind(EXTRACT, () => projections.extraction.extract)
  container.register(STORAGES, { useValue: await openStorages(config, installation) })
  bind(SNIFF, () => sniff)
  bind(IDENTITY, () => randomIdentity)
  bind(MEDIAPORT, (c) =>
    createMediaport(
      {
        titles: c.resolve(TITLES),
        media: c.resolve(MEDIA),
        storages: c.resolve(STORAGES),
        metadata: c.resolve(METADATA),
        extract: c.resolve(EXTRACT),
        sniff: c.resolve(SNIFF),
        identity: c.resolve(IDENTITY),
      },
      config.policy,
    ),
  )
  return container
}

/** Files stay where they were put, whatever serves new ones today. */
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

/** Where the filesystem storage keeps the files of this installation. */
export const filesFolder = ({ dataDir }: Pick<Config, 'dataDir'>, { id }: Connections['installation']): string =>
  join(dataDir, 'files', id)

/** For people: the adapter that serves each port. */
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

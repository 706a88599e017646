import 'reflect-metadata/lite'
import { join } from 'node:path'
import { type DependencyContainer, type InjectionToken, instanceCachingFactory, container as root } from 'tsyringe'
import { sniff } from '../adapters/file-type/sniff.ts'
import { FilesystemFileStorage } from '../adapters/filesystem/filesystem-file-storage.ts'
import { KyselyMediaRepository } from '../adapters/kysely/kysely-media-repository.ts'
import { createMediaport, type Mediaport } from '../application/mediaport.ts'
import type { Identity } from '../application/ports/identity.ts'
import type { MediaRepository } from '../application/ports/media-repository.ts'
import type { Sniff } from '../application/ports/sniff.ts'
import type { Config } from './config.ts'
import type { Connections } from './connections.ts'
import { randomIdentity } from './identity.ts'
import { WatchedStorage } from './watched-storage.ts'

const token = <T>(name: string): InjectionToken<T> => Symbol(name)

export const MEDIA = token<MediaRepository>('MediaRepository')
export const STORAGE = token<WatchedStorage>('FileStorage')
export const SNIFF = token<Sniff>('Sniff')
export const IDENTITY = token<Identity>('Identity')
export const MEDIAPORT = token<Mediaport>('Mediaport')

/** Which adapter serves each port, for this configuration. What it opens is closed by `Connections`, not here. */
export function buildContainer(config: Config, { db, installation }: Connections): DependencyContainer {
  const container = root.createChildContainer()
  const bind = <T>(token: InjectionToken<T>, make: (container: DependencyContainer) => T) =>
    container.register<T>(token, { useFactory: instanceCachingFactory(make) })

  bind(MEDIA, () => new KyselyMediaRepository(db))
  bind(STORAGE, () => new WatchedStorage(new FilesystemFileStorage(join(config.dataDir, 'files', installation.id))))
  bind(SNIFF, () => sniff)
  bind(IDENTITY, () => randomIdentity)
  bind(MEDIAPORT, (c) =>
    createMediaport(
      {
        media: c.resolve(MEDIA),
        storages: [c.resolve(STORAGE)],
        sniff: c.resolve(SNIFF),
        identity: c.resolve(IDENTITY),
      },
      config.policy,
    ),
  )
  return container
}

/** For people: the adapter that serves each port. */
export const adapterNames = ({ databaseUrl, dataDir }: Config): Record<string, string> => ({
  media: databaseUrl === undefined ? `PGlite (${join(dataDir, 'db')})` : 'PostgreSQL',
  storage: `filesystem (${join(dataDir, 'files')})`,
})

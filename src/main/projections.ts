import { SandboxedExtraction } from '../adapters/extraction/sandboxed-extraction.ts'
import type { MongoMetadataStore } from '../adapters/mongo/mongo-metadata-store.ts'
import type { RedisTitleCache } from '../adapters/redis/redis-title-cache.ts'
import type { Config } from './config.ts'

/** The metadata store and the title cache, if they have servers of their own, and the extraction of metadata. */
export interface Projections {
  readonly metadata: MongoMetadataStore | undefined
  readonly titles: RedisTitleCache | undefined
  readonly extraction: SandboxedExtraction
  close(): Promise<void>
}

/** Does not wait for any server. Everything else works while they are unavailable. */
export async function openProjections({ mongodbUrl, redis }: Config): Promise<Projections> {
  const metadata = mongodbUrl === undefined ? undefined : await mongo(mongodbUrl)
  const titles = redis === undefined ? undefined : await redisCache(redis)
  const extraction = new SandboxedExtraction()
  return {
    metadata,
    titles,
    extraction,
    close: async () => {
      await Promise.allSettled([metadata?.close(), titles?.close(), extraction.close()])
    },
  }
}

/** Loads the driver only if it is used. */
async function mongo(url: string): Promise<MongoMetadataStore> {
  const { MongoMetadataStore } = await import('../adapters/mongo/mongo-metadata-store.ts')
  try {
    return new MongoMetadataStore(url)
  } catch (cause) {
    throw new Error(`MONGODB_URL can't be used: ${(cause as Error).message}`, { cause })
  }
}

async function redisCache({ url, ...options }: NonNullable<Config['redis']>): Promise<RedisTitleCache> {
  const { RedisTitleCache } = await import('../adapters/redis/redis-title-cache.ts')
  return new RedisTitleCache(url, options)
}

import { SandboxedExtraction } from '../adapters/extraction/sandboxed-extraction.ts'
import type { MongoMetadataStore } from '../adapters/mongo/mongo-metadata-store.ts'
import type { RedisTitleCache } from '../adapters/redis/redis-title-cache.ts'
import type { Config } from './config.ts'

/** What is kept beside the rows, where servers of their own are named for it; and who reads the files for it. */
export interface Projections {
  readonly metadata: MongoMetadataStore | undefined
  readonly titles: RedisTitleCache | undefined
  readonly extraction: SandboxedExtraction
  close(): Promise<void>
}

/** None of them is waited for: they may come and go while everything else works. */
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

/** Its driver is loaded only where it is used. */
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

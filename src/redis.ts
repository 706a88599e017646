export { type RedisOptions, RedisTitleCache } from './adapters/redis/redis-title-cache.ts'

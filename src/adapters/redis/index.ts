export { type RedisOptions, RedisTitleCache } from './redis-title-cache.ts'

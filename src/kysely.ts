export type { Database } from './adapters/kysely/database.ts'
export { KyselyMediaRepository, type Publish } from './adapters/kysely/kysely-media-repository.ts'
export { KyselyMetadataStore } from './adapters/kysely/kysely-metadata-store.ts'
export { type Installation, type Migrated, migrate } from './adapters/kysely/migrations.ts'

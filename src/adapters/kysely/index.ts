export type { Database } from './database.ts'
export { KyselyMediaRepository } from './kysely-media-repository.ts'
export { KyselyMetadataStore } from './kysely-metadata-store.ts'
export { type Installation, type MigrationSummary, migrate } from './migrations.ts'

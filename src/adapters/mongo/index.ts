export { MongoMetadataStore } from './mongo-metadata-store.ts'

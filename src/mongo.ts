export { MongoMetadataStore } from './adapters/mongo/mongo-metadata-store.ts'

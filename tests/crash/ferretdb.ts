import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Db } from 'mongodb'
import type { OwnServer } from './own-server.ts'

/**
 * FerretDB 1.24 looks for an `_id` by another expression than its index has, so that it reads the whole collection for each
 * document that is not there yet: 60 ms at 2,000 documents. This gives it the index that it needs, as MongoDB has it.
 */
export async function indexIds({ folder }: OwnServer, mongo: Db, collection: string): Promise<void> {
  await mongo.createCollection(collection)
  const database = new DatabaseSync(join(folder, `${mongo.databaseName}.sqlite`))
  const tables = database.prepare('select table_name as name from _ferretdb_collections where name = ?')
  const { name } = tables.get(collection) ?? {}
  database.exec(`create index by_id on "${String(name)}" (_ferretdb_sjson->'$._id')`)
  database.close()
}

import { PGlite } from '@electric-sql/pglite'

/**
 * A process that makes an empty database in the folder that its argument names, and ends. PGlite needs about 600 MiB for
 * it, which a process that lives on would never give back.
 */
const [, , folder] = process.argv

// Without its parent there is no use for the database. A terminal's signals are for the parent, which decides.
process.on('disconnect', () => process.exit(1))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {})

const database = await PGlite.create(folder, { relaxedDurability: false })
await database.close()
process.exit()

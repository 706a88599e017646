/** Preload for a server. Appends a dot to the file FILES_READ for each file that is sent to a reader process. */
import { appendFileSync } from 'node:fs'
import { watchReaders } from './fail-points/reader.ts'

watchReaders(() => appendFileSync(process.env['FILES_READ'] ?? '/dev/null', '.'))

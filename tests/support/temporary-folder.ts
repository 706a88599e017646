import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/**
 * Creates an empty folder.
 *
 * @param onEnd Registers its deletion. By default it is deleted after the test; pass `afterAll` for all tests of a suite.
 */
export function temporaryFolder(onEnd: (handler: () => Promise<void>) => void = onTestFinished): string {
  const folder = mkdtempSync(join(tmpdir(), 'mediaport-'))
  onEnd(async () => rmSync(folder, { recursive: true, maxRetries: 5 }))
  return folder
}

import { execFile, spawnSync } from 'node:child_process'
import { rmdirSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { onExit } from '../support/processes.ts'

/**
 * Mounts a small tmpfs until this process exits. Requires root.
 * @param size Such as `8m`.
 * @returns Its folder, or the reason why it could not be mounted.
 */
export async function ownDisk(size: string): Promise<{ folder: string } | { reason: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'mediaport-disk-'))
  try {
    await promisify(execFile)('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=755`, 'tmpfs', folder])
  } catch (error) {
    rmdirSync(folder)
    return { reason: String(error).trim() }
  }
  onExit(() => {
    spawnSync('umount', ['--lazy', folder])
    rmdirSync(folder)
  })
  return { folder }
}

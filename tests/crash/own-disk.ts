import { execFile, spawnSync } from 'node:child_process'
import { rmdirSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { atTheEnd } from './ends-with-us.ts'

/**
 * A small disk, until all ends. Only root has one.
 * @param size such as `8m`.
 * @returns its folder, or why there is none.
 */
export async function ownDisk(size: string): Promise<{ folder: string } | { why: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'mediaport-disk-'))
  try {
    await promisify(execFile)('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=755`, 'tmpfs', folder])
  } catch (error) {
    rmdirSync(folder)
    return { why: String(error).trim() }
  }
  atTheEnd(() => {
    spawnSync('umount', ['--lazy', folder])
    rmdirSync(folder)
  })
  return { folder }
}

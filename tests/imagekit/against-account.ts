import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { ImagekitFileStorage } from '../../src/adapters/imagekit/imagekit-file-storage.ts'
import { readConfig } from '../../src/main/config.ts'
import { fileStorageContract } from '../contract/file-storage.contract.ts'

// Run by verify.ts alone, with what it found out before.
const { VERIFY_FOLDER = '', VERIFY_LAG = '0' } = process.env
const { imagekit: account, policy } = readConfig(process.env)._unsafeUnwrap()
if (!account || VERIFY_FOLDER === '') throw new Error('npm run imagekit:verify runs this')
const { spools, ...options } = account
const lag = Number(VERIFY_LAG)

fileStorageContract('the account at ImageKit', async () => ({
  storage: new ImagekitFileStorage({
    ...options,
    folder: `${VERIFY_FOLDER}/${randomBytes(6).toString('hex')}`,
    spoolFolder: spools ? join(tmpdir(), 'mediaport-verify') : undefined,
  }),
  largest: policy.maxFileSize,
  ...(lag > 0 && { settled: () => setTimeout(2 * lag) }),
}))

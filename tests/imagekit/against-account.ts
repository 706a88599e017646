import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { ImagekitFileStorage } from '../../src/adapters/imagekit/imagekit-file-storage.ts'
import { readConfig } from '../../src/main/config.ts'
import { fileStorageContract } from '../contract/file-storage.contract.ts'

// verify.ts sets both variables.
const { VERIFY_FOLDER = '', VERIFY_LAG_MS = '0' } = process.env
const { imagekit: account, policy } = readConfig(process.env)._unsafeUnwrap()
if (!account || VERIFY_FOLDER === '') throw new Error('Run this file with `npm run imagekit:verify`.')
const { spools, ...options } = account
const lagMs = Number(VERIFY_LAG_MS)

fileStorageContract('the account at ImageKit', async () => ({
  storage: new ImagekitFileStorage({
    ...options,
    folder: `${VERIFY_FOLDER}/${randomBytes(6).toString('hex')}`,
    spoolFolder: spools ? join(tmpdir(), 'mediaport-verify') : undefined,
  }),
  maxBytes: policy.maxFileSize,
  ...(lagMs > 0 && { untilListed: () => setTimeout(2 * lagMs) }),
}))

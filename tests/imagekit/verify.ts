/**
 * Prints how the account of the variables IMAGEKIT_* behaves where ImageKit's documentation leaves it open, then runs
 * the contract of FileStorage against it. It creates a folder and deletes it at the end.
 */
import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { ImageKit } from '@imagekit/nodejs'
import { afterAll, describe, it } from 'vitest'
import { ImagekitFileStorage } from '../../src/adapters/imagekit/imagekit-file-storage.ts'
import { readConfig } from '../../src/main/config.ts'
import { fileStorageContract } from '../contract/file-storage.contract.ts'
import { OBSERVATIONS, type Observation } from './observe.ts'
import { EXPECTED, type Switches } from './switches.ts'

const config = readConfig(process.env)
if (config.isErr()) throw new Error(config.error.message)
const { imagekit: account, policy } = config.value
if (!account)
  throw new Error('Set IMAGEKIT_PRIVATE_KEY and IMAGEKIT_URL_ENDPOINT. docs/imagekit.md says where to find them.')

const { spools, apiUrl = 'https://api.imagekit.io', ...options } = account
const folder = `${account.folder}/verify-${randomBytes(6).toString('hex')}`.replace('//', '/')
const spoolFolder = join(tmpdir(), 'mediaport-verify')
const target = { ...options, apiUrl, folder }
let lagMs = 0

afterAll(async () => {
  await new ImageKit({ privateKey: account.privateKey, baseURL: apiUrl }).folders.delete({ folderPath: folder })
})

describe(`The folder ${folder} of ${account.urlEndpoint}`, () => {
  it.each(Object.keys(OBSERVATIONS) as (keyof Switches)[])('shows its value of %s', async (name) => {
    const unknown = (error: unknown): Observation => ({ value: undefined, text: String(error) })
    const { value, text } = await OBSERVATIONS[name]({ ...target, isPrivate: false, spoolFolder }).catch(unknown)
    if (name === 'listLag') lagMs = Number(value) || 0
    const difference = value === EXPECTED[name] ? '' : ` (expected: ${EXPECTED[name]})`
    console.log(`${name.padEnd(21)}${String(value ?? 'unknown').padEnd(9)}${text}${difference}`)
  })
})

fileStorageContract('the account at ImageKit', async () => ({
  storage: new ImagekitFileStorage({
    ...target,
    folder: `${folder}/${randomBytes(6).toString('hex')}`,
    spoolFolder: spools ? spoolFolder : undefined,
  }),
  maxBytes: policy.maxFileSize,
  ...(lagMs > 0 && { untilListed: () => setTimeout(2 * lagMs) }),
}))

/**
 * Prints how the account of the variables IMAGEKIT_* behaves where ImageKit's documentation leaves it open, then runs
 * the contract of FileStorage against it:
 *
 *   npm run imagekit:verify
 *
 * It uses a folder of its own and deletes it at the end.
 */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ImageKit } from '@imagekit/nodejs'
import { startVitest } from 'vitest/node'
import { ImagekitFileStorage } from '../../src/adapters/imagekit/imagekit-file-storage.ts'
import { readConfig } from '../../src/main/config.ts'
import { OBSERVATIONS, type Observation } from './observe.ts'
import { EXPECTED, type Switches } from './switches.ts'

if (existsSync('.env')) process.loadEnvFile('.env')
const config = readConfig(process.env)
if (config.isErr()) exitWith(config.error.message)
const { imagekit: account } = config.value
if (!account) exitWith('Set IMAGEKIT_PRIVATE_KEY and IMAGEKIT_URL_ENDPOINT. docs/imagekit.md says where to find them.')

const folder = `${account.folder}/verify-${randomBytes(6).toString('hex')}`.replace('//', '/')
const apiUrl = account.apiUrl ?? 'https://api.imagekit.io'
const target = { ...account, apiUrl, folder, isPrivate: false, spoolFolder: join(tmpdir(), 'mediaport-verify') }
const list = await new ImagekitFileStorage(target).list()
if (list.isErr()) exitWith(String(list.error.cause))

let exitStatus: number
try {
  console.log(`In ${folder} of ${account.urlEndpoint}:`)
  exitStatus = await runContract(await observeAll())
} finally {
  const api = new ImageKit({ privateKey: account.privateKey, baseURL: apiUrl })
  const outcome = api.folders.delete({ folderPath: folder }).then(
    () => 'is deleted.',
    ({ message }) => `is not deleted: ${message}`,
  )
  console.log(`${folder} ${await outcome}`)
}
process.exit(exitStatus)

/** Prints a line for each switch. @returns The value of `listLag` in milliseconds. */
async function observeAll(): Promise<number> {
  let lagMs = 0
  for (const name of Object.keys(OBSERVATIONS) as (keyof Switches)[]) {
    const { value, text } = await OBSERVATIONS[name](target).catch(
      (error): Observation => ({ value: undefined, text: String(error) }),
    )
    if (name === 'listLag') lagMs = Number(value) || 0
    const difference = value === EXPECTED[name] ? '' : ` (expected: ${EXPECTED[name]})`
    console.log(`${name.padEnd(21)}${String(value ?? 'unknown').padEnd(9)}${text}${difference}`)
  }
  return lagMs
}

/** @returns The exit status. */
async function runContract(lagMs: number): Promise<number> {
  process.env['VERIFY_FOLDER'] = folder
  process.env['VERIFY_LAG_MS'] = String(lagMs)
  const vitest = await startVitest('test', [], {
    config: false,
    include: ['tests/imagekit/against-account.ts'],
    watch: false,
    testTimeout: 600_000,
  })
  const isPassed = vitest.state.getCountOfFailedTests() === 0 && vitest.state.getTestModules().length === 1
  await vitest.close()
  return isPassed ? 0 : 1
}

function exitWith(message: string): never {
  console.error(`imagekit:verify: ${message}`)
  process.exit(1)
}

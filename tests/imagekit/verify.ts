/**
 * Looks what the account of the variables IMAGEKIT_* does where ImageKit's documents leave it open, and whether the adapter
 * keeps there what every FileStorage owes:
 *
 *   npm run imagekit:verify [-- --look-only]
 *
 * Everything happens in a folder of its own, which is deleted at the end. It sends about 110 MB in 1,250 files, and purges a dozen
 * addresses.
 */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { startVitest } from 'vitest/node'
import { readConfig } from '../../src/main/config.ts'
import { OBSERVATIONS, type Seen } from './observe.ts'
import { EXPECTED, type Switches } from './switches.ts'
import { VendorClient } from './vendor-client.ts'

if (existsSync('.env')) process.loadEnvFile('.env')
const config = readConfig(process.env)
if (config.isErr()) giveUp(config.error.message)
const { imagekit: account } = config.value
if (!account) giveUp('Set IMAGEKIT_PRIVATE_KEY and IMAGEKIT_URL_ENDPOINT; docs/imagekit.md says where they come from.')

const client = new VendorClient({
  privateKey: account.privateKey,
  urlEndpoint: account.urlEndpoint,
  uploadUrl: account.uploadUrl ?? 'https://upload.imagekit.io',
  apiUrl: account.apiUrl ?? 'https://api.imagekit.io',
  folder: `${account.folder}/verify-${randomBytes(6).toString('hex')}`.replace('//', '/'),
})
const { folder, apiUrl } = client.target
const { status } = await client.api('GET', '/v1/files?limit=1').catch(({ message }) => giveUp(`${apiUrl}: ${message}`))
if (status !== 200) giveUp(`${apiUrl} answers ${status} to this key.`)

let failed: number
try {
  console.log(`In ${folder} of ${account.urlEndpoint}:`)
  const seen = await look()
  failed = process.argv.includes('--look-only') ? 0 : await runContract(seen.listLag?.value)
} finally {
  const { status } = await client.api('DELETE', '/v1/folder', { folderPath: folder })
  console.log(status === 204 || status === 404 ? `${folder} is deleted.` : `${folder} is not deleted (${status}).`)
}
process.exit(failed)

/** Prints each switch of switches.ts with what was seen. */
async function look(): Promise<Partial<Record<keyof Switches, Seen>>> {
  const found: Partial<Record<keyof Switches, Seen>> = {}
  for (const name of Object.keys(OBSERVATIONS) as (keyof Switches)[]) {
    const seen = await OBSERVATIONS[name](client).catch((error) => ({ value: undefined, what: String(error) }))
    found[name] = seen
    const isExpected = seen.value === EXPECTED[name] ? '' : ` (expected: ${EXPECTED[name]})`
    console.log(`${name.padEnd(21)}${String(seen.value ?? 'unknown').padEnd(9)}${seen.what}${isExpected}`)
  }
  return found
}

/** @returns an exit status. */
async function runContract(lag: Seen['value']): Promise<number> {
  process.env['VERIFY_FOLDER'] = folder
  process.env['VERIFY_LAG'] = String(Number(lag) || 0)
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

/** One line for a person, and exit status 1. */
function giveUp(message: string): never {
  console.error(`imagekit:verify: ${message}`)
  process.exit(1)
}

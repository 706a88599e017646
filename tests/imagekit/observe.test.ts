import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { startLocalImagekit } from './local-server.ts'
import { OBSERVATIONS } from './observe.ts'
import { EXPECTED, OTHERWISE, type Switches } from './switches.ts'

/** Long enough that a busy machine requests the first list before it is over. */
const LAG_MS = 1000
const names = Object.keys(OBSERVATIONS) as (keyof Switches)[]

describe.each([
  ['the assumed values', EXPECTED],
  ['the other values', { ...OTHERWISE, listLag: LAG_MS }],
])('A server with %s', (_, switches) => {
  it.each(names)('shows its value of %s', async (name) => {
    const vendor = await startLocalImagekit({ switches: { ...EXPECTED, [name]: switches[name] } })
    const { url, privateKey, urlEndpoint } = vendor
    const spoolFolder = join(tmpdir(), 'mediaport-verify')
    const account = { privateKey, urlEndpoint, uploadUrl: url, apiUrl: url, isPrivate: false, spoolFolder }
    try {
      const { value } = await OBSERVATIONS[name]({ ...account, folder: '/verify' })
      if (name === 'listLag' && switches.listLag > 0) expect(value).toBeGreaterThan(0)
      else expect(value).toBe(switches[name])
    } finally {
      await vendor.close()
    }
  })
})

import { describe, expect, it } from 'vitest'
import { startLocalImagekit } from './local-server.ts'
import { OBSERVATIONS } from './observe.ts'
import { EXPECTED, OTHERWISE, type Switches } from './switches.ts'
import { VendorClient } from './vendor-client.ts'

const names = Object.keys(OBSERVATIONS) as (keyof Switches)[]

describe.each([
  ['as we expect', EXPECTED],
  ['otherwise', OTHERWISE],
])('What a vendor does that behaves %s', (_, switches) => {
  it.each(names)('shows in %s', async (name) => {
    const vendor = await startLocalImagekit({ switches: { ...EXPECTED, [name]: switches[name] } })
    const { url, privateKey, urlEndpoint } = vendor
    const client = new VendorClient({ privateKey, urlEndpoint, uploadUrl: url, apiUrl: url, folder: '/verify' })
    try {
      const { value } = await OBSERVATIONS[name](client)
      if (name === 'listLag' && switches.listLag > 0) expect(value).toBeGreaterThan(0)
      else expect(value).toBe(switches[name])
    } finally {
      await vendor.close()
    }
  })
})

import { describe, expect, it } from 'vitest'
import { startLocalImagekit } from './local-server.ts'
import { OBSERVATIONS } from './observe.ts'
import { EXPECTED, OTHERWISE, type Switches } from './switches.ts'
import { VendorClient } from './vendor-client.ts'

/** In ms: on a machine that does other things, too, the first look at a list still comes before it is over. */
const LAG = 1000
const names = Object.keys(OBSERVATIONS) as (keyof Switches)[]

describe.each([
  ['as we expect', EXPECTED],
  ['otherwise', { ...OTHERWISE, listLag: LAG }],
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

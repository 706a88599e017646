import { err } from 'neverthrow'
import { expect, it } from 'vitest'
import { type Route, route } from '../../src/adapters/http/route.ts'

const base = { method: 'get', path: '/a/', scope: 'read', operation: { responses: {} } } as const
const handle = async () => err({ type: 'not-found' } as const)

/** The compiler checks this test: `npm run types` fails if it accepts the second route. */
it('A route whose errors lack a code of its handler does not compile', () => {
  const complete: Route = route({ ...base, errors: ['not-found'], handle })
  // @ts-expect-error The code `not-found` is missing.
  const incomplete: Route = route({ ...base, errors: ['too-large'], handle })
  expect([complete, incomplete]).toHaveLength(2)
})

import { configDefaults, defineConfig } from 'vitest/config'

/** They start and kill one server after the other, or wait for silence, which takes a minute: for CI, and for `CI=true npm test`. */
const SLOW = [
  'tests/integration/{doctor,imagekit-outages,pg-boss-jobs,recovery}.test.ts',
  'tests/imagekit/observe.test.ts',
]

/** `npm run crash` runs them. */
const CRASH = 'tests/crash/*.crash.test.ts'

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    exclude: [...configDefaults.exclude, CRASH, ...(process.env['CI'] ? [] : SLOW)],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Of a condition that is waited for, on a machine that does other things, too.
    expect: { poll: { timeout: 10_000 } },
    // Most tests wait for processes, disks and sockets.
    maxWorkers: '100%',
  },
})

import { configDefaults, defineConfig } from 'vitest/config'

/** They start and kill one server after the other, or wait for silence, which takes a minute: for CI, and for `CI=true npm test`. */
const SLOW = [
  'tests/integration/{doctor,imagekit-outages,pg-boss-jobs,recovery}.test.ts',
  'tests/imagekit/observe.test.ts',
]

/** They have commands of their own: `npm run crash`, `npm run docker` and `npm run photos`. */
const OTHERS = ['**/*.{crash,docker}.test.ts', 'tests/photos/**']

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    exclude: [...configDefaults.exclude, ...OTHERS, ...(process.env['CI'] ? [] : SLOW)],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Of a condition that is waited for, on a machine that does other things, too.
    expect: { poll: { timeout: 10_000 } },
    // Most tests wait for processes, disks and sockets.
    maxWorkers: '100%',
  },
})

import { defineConfig } from 'vitest/config'

/** They take minutes. `npm run docker:full` runs them, too. */
const FULL = ['tests/docker/{idle,upgrade}.docker.test.ts']

export default defineConfig({
  test: {
    include: ['tests/docker/*.docker.test.ts'],
    exclude: process.env['FULL'] === '1' ? [] : FULL,
    // All files use the same ports of one engine, and the fixture of project.ts.
    fileParallelism: false,
    isolate: false,
    // Prints each test when it ends, with its annotations.
    reporters: ['verbose'],
    // The first build of the image.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    teardownTimeout: 60_000,
    expect: { poll: { timeout: 60_000, interval: 300 } },
  },
})

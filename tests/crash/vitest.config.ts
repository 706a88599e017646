import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['tests/crash/*.crash.test.ts'],
    // One file after the other. At most four of its faults occur at the same time.
    fileParallelism: false,
    maxConcurrency: 4,
    // Conditions have their own time limits. A full run of a test may take long.
    testTimeout: 3_600_000,
    hookTimeout: 600_000,
    reporters: ['verbose', 'tests/crash/reporter.ts'],
  },
})

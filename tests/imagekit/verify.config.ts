import { existsSync } from 'node:fs'
import { defineConfig } from 'vitest/config'

/** `npm run imagekit:verify` */
if (existsSync('.env')) process.loadEnvFile('.env')

export default defineConfig({
  test: { include: ['tests/imagekit/verify.ts'], testTimeout: 600_000, disableConsoleIntercept: true },
})

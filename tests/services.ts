import { describe, it } from 'vitest'

const SERVICES = {
  POSTGRES_URL: 'a PostgreSQL server',
  MONGODB_URL: "a server that speaks MongoDB's protocol",
  REDIS_URL: 'a Redis server',
} as const

export type Service = keyof typeof SERVICES

/**
 * Checks that need these services. Without one of them they are skipped, and their name says why; with REQUIRE_SERVICES=1
 * that is a failure.
 */
export function withServices(services: readonly Service[], name: string, checks: () => void): void {
  const missing = services.filter((service) => !process.env[service])
  if (missing.length === 0) return void describe(name, checks)
  const why = missing.map((service) => `${service} names no ${SERVICES[service].replace(/^a /, '')}`).join(', and ')
  if (process.env['REQUIRE_SERVICES'] === '1') throw new Error(`REQUIRE_SERVICES=1 asks for all services, but ${why}`)
  // Of a suite that is skipped, Vitest still runs the function: with no service, it could only fail.
  describe.skip(`${name} (skipped: ${why})`, () => {
    it('needs it', () => {})
  })
}

/** The address of a service that is there. */
export function addressOf(service: Service): string {
  return process.env[service] ?? ''
}

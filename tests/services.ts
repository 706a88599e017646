import { describe, it } from 'vitest'

const SERVICES = {
  POSTGRES_URL: 'a PostgreSQL server',
  MONGODB_URL: "a server that speaks MongoDB's protocol",
  REDIS_URL: 'a Redis server',
  DOCKER_HOST: 'a Docker engine',
} as const

export type Service = keyof typeof SERVICES

/**
 * Describes tests that need services. If one is missing, the tests are skipped and their name says why. With
 * REQUIRE_SERVICES=1 a missing service is an error.
 *
 * @param services The variables that contain the addresses of the services.
 */
export function withServices(services: readonly Service[], name: string, tests: () => void): void {
  const missing = services.filter((service) => !process.env[service])
  if (missing.length === 0) return void describe(name, tests)
  const reason = missing.map((service) => `${service} must name ${SERVICES[service]}`).join(', and ')
  if (process.env['REQUIRE_SERVICES'] === '1') throw new Error(`REQUIRE_SERVICES=1 requires all services: ${reason}.`)
  // Vitest also runs the function of a skipped suite. Without its service, `tests` would fail.
  describe.skip(`${name} (skipped: ${reason})`, () => {
    it('needs the service', () => {})
  })
}

/** Returns the address of a service, or an empty string if it is not configured. */
export function addressOf(service: Service): string {
  return process.env[service] ?? ''
}

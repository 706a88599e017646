import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { parse } from 'yaml'
import { readConfig } from '../../src/main/config.ts'
import { startLocalImagekit } from '../imagekit/local-server.ts'

const root = new URL('../../', import.meta.url)
const read = (name: string): string => readFileSync(new URL(name, root), 'utf8')

describe('The image', () => {
  const instructions = read('Dockerfile')
    .replaceAll(/^#.*\n/gm, '')
    .replaceAll(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '')
  const instructionsOf = (name: string): string[] => instructions.filter((line) => line.startsWith(`${name} `))
  const stage = (from: string): string[] => {
    const start = instructions.indexOf(from)
    const end = instructions.findIndex((line, index) => index > start && line.startsWith('FROM '))
    return instructions.slice(start, end < 0 ? undefined : end)
  }
  const final = stage('FROM runtime')

  it('has separate stages to build and to run, on one fixed version of Node.js', () => {
    expect(instructionsOf('FROM')).toEqual([
      'FROM node:26-slim AS dependencies',
      'FROM dependencies AS build',
      'FROM dependencies AS production',
      'FROM node:26-slim AS stripped',
      'FROM node:26-slim AS base',
      'FROM scratch AS runtime',
      'FROM runtime AS imagekit',
      'FROM runtime',
    ])
    expect(instructionsOf('ADD')).toEqual([])
    for (const line of [...stage('FROM scratch AS runtime'), ...final].filter((each) => each.startsWith('COPY ')))
      expect(line).toMatch(/^COPY --from=(base|production|build) /)
  })

  it('runs as a user other than root, with an init process that forwards signals', () => {
    expect(final.filter((line) => line.startsWith('USER '))).toEqual(['USER node'])
    expect(stage('FROM scratch AS runtime')).toContain('ENTRYPOINT ["tini", "--"]')
    expect(final).toContain('CMD ["mediaport", "serve"]')
  })

  it('installs packages without recommended ones and without package lists', () => {
    for (const line of instructionsOf('RUN').filter((line) => line.includes('apt-get install'))) {
      expect(line).toContain('--no-install-recommends')
      expect(line).toContain('rm -rf /var/lib/apt/lists/*')
    }
    expect(instructionsOf('RUN').join()).toContain('npm ci')
  })

  it('has a health check that requests /ping/', async () => {
    const [, command = ''] = /CMD (\[.*\])/.exec(instructionsOf('HEALTHCHECK').join()) ?? []
    const server = await startServer('/ping/')
    expect(await succeeds(JSON.parse(command), { PORT: server.port })).toBe(true)
    server.status = 503
    expect(await succeeds(JSON.parse(command), { PORT: server.port })).toBe(false)
    expect(await succeeds(JSON.parse(command), { PORT: '1' })).toBe(false)
  })

  it('has variables that are valid once ANONYMOUS_SCOPES is set', () => {
    const env = Object.fromEntries(
      instructionsOf('ENV').flatMap((line) =>
        line
          .slice(4)
          .split(' ')
          .map((pair) => pair.split('=')),
      ),
    )
    expect(readConfig(env).isErr()).toBe(true)
    expect(readConfig({ ...env, ANONYMOUS_SCOPES: 'read' })._unsafeUnwrap()).toMatchObject({
      host: '0.0.0.0',
      dataDir: '/data',
    })
  })
})

describe('The compose file', () => {
  const { services, volumes } = parse(read('docker-compose.yml'), { merge: true })

  it('publishes only the web service, and only to the local machine', () => {
    expect(services.web.ports).toEqual([`127.0.0.1:\${PORT:-8000}:8000`])
    for (const [name, service] of Object.entries<{ ports?: string[] }>(services))
      if (name !== 'web') expect(service.ports, name).toBeUndefined()
  })

  it('builds one image for both services', () => {
    const buildServices = Object.values<{ build?: string }>(services).filter(({ build }) => build)
    expect(buildServices).toEqual([services.web])
    expect(services.worker).toMatchObject({ image: services.web.image, pull_policy: 'never' })
    expect(services.worker.depends_on).toHaveProperty('web', { condition: 'service_started' })
  })

  it('starts web and worker when the database is healthy, and restarts every service', () => {
    expect(Object.keys(services)).toEqual(['web', 'worker', 'db', 'mongo', 'redis'])
    expect(services.web.depends_on).toEqual({ db: { condition: 'service_healthy' } })
    expect(services.worker.depends_on).toHaveProperty('db', { condition: 'service_healthy' })
    expect(services.db.healthcheck.test).toEqual(['CMD', 'pg_isready', '--username=media', '--dbname=media'])
    for (const [name, service] of Object.entries<Service>(services)) {
      expect(service.restart, name).toBe('unless-stopped')
    }
    // Docker Engine before version 25 has no `start_interval`, so `up --wait` waits for the interval.
    for (const { healthcheck } of [services.web, services.worker, services.db])
      expect(Number.parseInt(healthcheck.interval, 10)).toBeLessThanOrEqual(10)
    expect(Number.parseInt(services.web.stop_grace_period, 10)).toBeGreaterThan(30)
  })

  it('has a health check for the web service that requests /healthcheck/', async () => {
    const server = await startServer('/healthcheck/')
    const command = services.web.healthcheck.test.slice(1).map((word: string) => word.replaceAll('$$', '$'))
    const probe = command.map((word: string) => word.replace('/8000', `/${server.port}`))
    expect(await succeeds(probe)).toBe(true)
    server.status = 503
    expect(await succeeds(probe)).toBe(false)
  })

  it.each(Object.entries<Service>(services))('restricts the service %s', (_, service) => {
    expect(service).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      pids_limit: expect.any(Number),
      mem_limit: expect.stringMatching(/^\d+[mg]$/),
      logging: { driver: 'local', options: { 'max-size': expect.any(String), 'max-file': expect.any(String) } },
    })
    expect(service.tmpfs).toContain('/tmp')
    expect(service.cap_add ?? []).toEqual(
      service.image === 'mediaport' ? [] : ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'SETGID', 'SETUID'],
    )
  })

  it('stores data in named volumes only', () => {
    const names = Object.values<Service>(services).flatMap((service) =>
      service.volumes.map((volume) => volume.split(':')[0]),
    )
    expect([...new Set(names)].toSorted()).toEqual(Object.keys(volumes).toSorted())
  })

  it('passes only the variables of .env that a service needs', () => {
    const readNames = new Set<string>()
    readConfig(new Proxy({}, { get: (_, name) => void readNames.add(String(name)) }))
    const variables = [...readNames, 'PGPASSWORD']
    expect(Object.keys(services.web.environment).toSorted()).toEqual(
      variables.filter((name) => name !== 'REAP_EVERY_SECONDS').toSorted(),
    )
    const worker = Object.keys(services.worker.environment)
    expect(worker.filter((name) => !variables.includes(name))).toEqual([])
    expect(worker).toContain('REAP_EVERY_SECONDS')
    for (const name of ['ANONYMOUS_SCOPES', 'ALLOWED_HOSTS', 'API_KEYS', 'PUBLIC_URL'])
      expect(worker).not.toContain(name)
    for (const service of Object.values<Service>(services)) expect(service.env_file).toBeUndefined()
  })

  it('works without .env, with valid variables for web and worker', () => {
    const substituteDefaults = (value: string): string =>
      value.replaceAll(/\$\{\w+:-((?:\$\{[^}]*\}|[^{}])*)\}/g, (_, fallback: string) => substituteDefaults(fallback))
    const environmentOf = ({ environment }: Service) =>
      Object.fromEntries(
        Object.entries(environment).flatMap(([name, value]) =>
          value === null ? [] : [[name, substituteDefaults(String(value))]],
        ),
      )
    const env = environmentOf(services.web)
    expect(readConfig(env)._unsafeUnwrap()).toMatchObject({
      host: '0.0.0.0',
      port: 8000,
      publicUrl: 'http://127.0.0.1:8000',
      dataDir: '/data',
      databaseUrl: 'postgres://media@db:5432/media',
      mongodbUrl: 'mongodb://mongo:27017/mediaport',
      redis: { url: 'redis://redis:6379' },
      worker: 'off',
    })
    const { databaseUrl, dataDir, mongodbUrl, redis } = readConfig(env)._unsafeUnwrap()
    const worker = readConfig(environmentOf(services.worker))._unsafeUnwrap()
    expect(worker).toMatchObject({ databaseUrl, dataDir, mongodbUrl, redis })
    expect(services.worker.command).toEqual(['mediaport', 'worker'])
    expect(env['PGPASSWORD']).toBe(substituteDefaults(services.db.environment.POSTGRES_PASSWORD))
  })

  it('has a build context with only the necessary files', () => {
    const allowed = read('.dockerignore').match(/^!.*/gm)
    expect(allowed).toEqual([
      '!package.json',
      '!package-lock.json',
      '!tsconfig.json',
      '!tsconfig.build.json',
      '!src',
      '!tests/imagekit',
    ])
  })
})

describe('The compose file for a local ImageKit', () => {
  const text = read('docker-compose.imagekit.yml')
  const base = parse(read('docker-compose.yml'), { merge: true })
  const { services } = parse(text, { merge: true })
  const { imagekit, web, worker } = services
  const DELIVERY = 'http://imagekit.localhost:8300/local'

  it('adds the server and changes only web and worker', () => {
    expect(Object.keys(services)).toEqual(['imagekit', 'web', 'worker'])
    const keys = ['restart', 'read_only', 'tmpfs', 'cap_drop', 'security_opt', 'pids_limit', 'logging', 'mem_limit']
    for (const key of keys) expect(imagekit[key], key).toEqual(base.services.web[key])
    expect(Object.keys(web)).toEqual(['depends_on', 'environment'])
    expect(Object.keys(worker)).toEqual(['environment'])
  })

  it('has a host name for the server that works on the local machine and in the containers', () => {
    const { host, hostname, port } = new URL(DELIVERY)
    expect(hostname).toMatch(/\.localhost$/)
    expect(imagekit.networks.default.aliases).toEqual([hostname])
    expect(imagekit.ports).toEqual([`127.0.0.1:${port}:${port}`])
    expect(imagekit.command.slice(-2)).toEqual(['--url', `http://${host}`])
    for (const service of [imagekit, web, worker]) expect(service.network_mode).toBeUndefined()
  })

  it('stores files at the server, with valid variables', async () => {
    expect(worker.environment).toEqual(web.environment)
    const env = { HOST: '127.0.0.1', ...web.environment }
    const { storage, imagekit: account } = readConfig(env)._unsafeUnwrap()
    expect([storage, account?.urlEndpoint]).toEqual(['imagekit', DELIVERY])
    expect([account?.uploadUrl, account?.apiUrl]).toEqual(Array(2).fill(new URL(DELIVERY).origin))
    const local = await startLocalImagekit({ url: new URL(DELIVERY).origin })
    onTestFinished(() => local.close())
    expect(account?.privateKey).toBe(local.privateKey)
    expect(local.urlEndpoint).toBe(DELIVERY)
  })

  it('has an image with all files of its command, which listens on all interfaces', () => {
    const dockerfile = read('Dockerfile')
    expect(imagekit.command.slice(0, 4)).toEqual(['node', 'tests/imagekit/run.ts', '--host', '0.0.0.0'])
    expect(imagekit.build).toEqual({ context: '.', target: 'imagekit' })
    const [stage = ''] = /^FROM runtime AS imagekit\n(?:.+\n)+/m.exec(dockerfile) ?? []
    expect(stage).toContain('USER node\n')
    const [, command = ''] = /^CMD (.*)$/m.exec(stage) ?? []
    expect(JSON.parse(command)).toEqual(['node', 'tests/imagekit/run.ts', '--host', '0.0.0.0'])
    const folders = [...stage.matchAll(/^COPY (\S+) \1$/gm)].map(([, path]) => path)
    for (const path of importedBy('tests/imagekit/run.ts'))
      expect(
        folders.some((folder) => path.startsWith(`${folder}/`)),
        path,
      ).toBe(true)
  })
})

interface Service {
  readonly image: string
  readonly restart: string
  readonly volumes: string[]
  readonly tmpfs: string[]
  readonly cap_add?: string[]
  readonly environment: Record<string, string | number | null>
  readonly env_file?: unknown
  readonly healthcheck: { readonly interval: string }
}

/** Starts a server that answers requests for `path` with `status`, and all others with 404. */
async function startServer(path: string) {
  const server = createServer((req, res) => res.writeHead(req.url === path ? state.status : 404).end('{}'))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => void server.close())
  const state = { port: String((server.address() as AddressInfo).port), status: 200 }
  return state
}

/** Returns whether a command exits with status 0. */
async function succeeds([program = '', ...args]: string[], env: Record<string, string> = {}): Promise<boolean> {
  const [status] = await once(spawn(program, args, { env: { PATH: process.env['PATH'] ?? '', ...env } }), 'close')
  return status === 0
}

/** Returns the path of a file and of all project files that it imports. */
function importedBy(path: string, paths = new Set<string>()): Set<string> {
  if (paths.has(path)) return paths
  paths.add(path)
  for (const [, name = ''] of read(path).matchAll(/ from '(\.[^']+)'/g)) importedBy(join(dirname(path), name), paths)
  return paths
}

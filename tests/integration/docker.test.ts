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
  const of = (name: string): string[] => instructions.filter((line) => line.startsWith(`${name} `))
  const stage = (from: string): string[] => {
    const start = instructions.indexOf(from)
    const end = instructions.findIndex((line, index) => index > start && line.startsWith('FROM '))
    return instructions.slice(start, end < 0 ? undefined : end)
  }
  const final = stage('FROM runtime')

  it('is built in some stages and run in another, on a Node of one named version', () => {
    expect(of('FROM')).toEqual([
      'FROM node:26-slim AS dependencies',
      'FROM dependencies AS build',
      'FROM dependencies AS production',
      'FROM node:26-slim AS stripped',
      'FROM node:26-slim AS base',
      'FROM scratch AS runtime',
      'FROM runtime AS imagekit',
      'FROM runtime',
    ])
    expect(of('ADD')).toEqual([])
    for (const line of [...stage('FROM scratch AS runtime'), ...final].filter((each) => each.startsWith('COPY ')))
      expect(line).toMatch(/^COPY --from=(base|production|build) /)
  })

  it('is run by somebody who is not root, behind a process that hands signals on', () => {
    expect(final.filter((line) => line.startsWith('USER '))).toEqual(['USER node'])
    expect(stage('FROM scratch AS runtime')).toContain('ENTRYPOINT ["tini", "--"]')
    expect(final).toContain('CMD ["mediaport", "serve"]')
  })

  it('installs what it needs and keeps no lists of packages', () => {
    for (const line of of('RUN').filter((run) => run.includes('apt-get install'))) {
      expect(line).toContain('--no-install-recommends')
      expect(line).toContain('rm -rf /var/lib/apt/lists/*')
    }
    expect(of('RUN').join()).toContain('npm ci')
  })

  it('is healthy while its ping is answered', async () => {
    const [, command = ''] = /CMD (\[.*\])/.exec(of('HEALTHCHECK').join()) ?? []
    const server = await answering('/ping/')
    expect(await runs(JSON.parse(command), { PORT: server.port })).toBe(true)
    server.status = 503
    expect(await runs(JSON.parse(command), { PORT: server.port })).toBe(false)
    expect(await runs(JSON.parse(command), { PORT: '1' })).toBe(false)
  })

  it('has variables that the configuration takes, once somebody said what everybody may do', () => {
    const env = Object.fromEntries(
      of('ENV').flatMap((line) =>
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

  it('publishes the web service alone, to this machine alone', () => {
    expect(services.web.ports).toEqual([`127.0.0.1:\${PORT:-8000}:8000`])
    for (const [name, service] of Object.entries<{ ports?: string[] }>(services))
      if (name !== 'web') expect(service.ports, name).toBeUndefined()
  })

  it('builds one image, once', () => {
    const built = Object.values<{ build?: string }>(services).filter(({ build }) => build)
    expect(built).toEqual([services.web])
    expect(services.worker).toMatchObject({ image: services.web.image, pull_policy: 'never' })
    expect(services.worker.depends_on).toHaveProperty('web', { condition: 'service_started' })
  })

  it('starts web and worker when the database answers, whatever else does, and each of them again by itself', () => {
    expect(Object.keys(services)).toEqual(['web', 'worker', 'db', 'mongo', 'redis'])
    expect(services.web.depends_on).toEqual({ db: { condition: 'service_healthy' } })
    expect(services.worker.depends_on).toHaveProperty('db', { condition: 'service_healthy' })
    expect(services.db.healthcheck.test).toEqual(['CMD', 'pg_isready', '--username=media', '--dbname=media'])
    for (const [name, service] of Object.entries<Service>(services)) {
      expect(service.restart, name).toBe('unless-stopped')
      // Engines before 25 know no shorter interval for the start.
      expect(Number.parseInt(service.healthcheck.interval, 10), name).toBeLessThanOrEqual(10)
    }
    expect(Number.parseInt(services.web.stop_grace_period, 10)).toBeGreaterThan(30)
  })

  it('is healthy once uploads are taken', async () => {
    const server = await answering('/healthcheck/')
    const command = services.web.healthcheck.test.slice(1).map((word: string) => word.replaceAll('$$', '$'))
    const probe = command.map((word: string) => word.replace('/8000', `/${server.port}`))
    expect(await runs(probe)).toBe(true)
    server.status = 503
    expect(await runs(probe)).toBe(false)
  })

  it.each(Object.entries<Service>(services))('confines %s', (_, service) => {
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

  it('keeps its data in named volumes', () => {
    const used = Object.values<Service>(services).flatMap((service) =>
      service.volumes.map((volume) => volume.split(':')[0]),
    )
    expect([...new Set(used)].toSorted()).toEqual(Object.keys(volumes).toSorted())
  })

  it('hands on what a service needs of an .env, and nothing else', () => {
    const asked = new Set<string>()
    readConfig(new Proxy({}, { get: (_, name) => void asked.add(String(name)) }))
    const known = [...asked, 'PGPASSWORD']
    expect(Object.keys(services.web.environment).toSorted()).toEqual(
      known.filter((name) => name !== 'REAP_EVERY_SECONDS').toSorted(),
    )
    const worker = Object.keys(services.worker.environment)
    expect(worker.filter((name) => !known.includes(name))).toEqual([])
    expect(worker).toContain('REAP_EVERY_SECONDS')
    for (const name of ['ANONYMOUS_SCOPES', 'ALLOWED_HOSTS', 'API_KEYS', 'PUBLIC_URL'])
      expect(worker).not.toContain(name)
    for (const service of Object.values<Service>(services)) expect(service.env_file).toBeUndefined()
  })

  it('needs no .env, and gives web and worker variables that they take', () => {
    const fillIn = (value: string): string =>
      value.replaceAll(/\$\{\w+:-((?:\$\{[^}]*\}|[^{}])*)\}/g, (_, otherwise: string) => fillIn(otherwise))
    const environmentOf = ({ environment }: Service) =>
      Object.fromEntries(
        Object.entries(environment).flatMap(([name, value]) => (value === null ? [] : [[name, fillIn(String(value))]])),
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
    expect(env['PGPASSWORD']).toBe(fillIn(services.db.environment.POSTGRES_PASSWORD))
  })

  it('builds from what the build needs and nothing else', () => {
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
  const plain = parse(read('docker-compose.yml'), { merge: true })
  const { services } = parse(text, { merge: true })
  const { imagekit, web, worker } = services
  const DELIVERY = 'http://imagekit.localhost:8300/local'

  it('adds that server and changes nobody but web and worker', () => {
    expect(Object.keys(services)).toEqual(['imagekit', 'web', 'worker'])
    const confined = ['restart', 'read_only', 'tmpfs', 'cap_drop', 'security_opt', 'pids_limit', 'logging', 'mem_limit']
    for (const key of confined) expect(imagekit[key], key).toEqual(plain.services.web[key])
    expect(Object.keys(web)).toEqual(['depends_on', 'environment'])
    expect(Object.keys(worker)).toEqual(['environment'])
  })

  it('gives it a name that is this machine to readers, and the container to web and worker', () => {
    const { host, hostname, port } = new URL(DELIVERY)
    expect(hostname).toMatch(/\.localhost$/)
    expect(imagekit.networks.default.aliases).toEqual([hostname])
    expect(imagekit.ports).toEqual([`127.0.0.1:${port}:${port}`])
    expect(imagekit.command.slice(-2)).toEqual(['--url', `http://${host}`])
    for (const service of [imagekit, web, worker]) expect(service.network_mode).toBeUndefined()
  })

  it('sends files to it, by variables that the server takes', async () => {
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

  it('is built of what its command needs, and listens where the container is reached', () => {
    const dockerfile = read('Dockerfile')
    expect(imagekit.command.slice(0, 4)).toEqual(['node', 'tests/imagekit/run.ts', '--host', '0.0.0.0'])
    expect(imagekit.build).toEqual({ context: '.', target: 'imagekit' })
    const [stage = ''] = /^FROM runtime AS imagekit\n(?:.+\n)+/m.exec(dockerfile) ?? []
    expect(stage).toContain('USER node\n')
    const [, command = ''] = /^CMD (.*)$/m.exec(stage) ?? []
    expect(JSON.parse(command)).toEqual(['node', 'tests/imagekit/run.ts', '--host', '0.0.0.0'])
    const copied = [...stage.matchAll(/^COPY (\S+) \1$/gm)].map(([, path]) => path)
    for (const path of importedBy('tests/imagekit/run.ts'))
      expect(
        copied.some((folder) => path.startsWith(`${folder}/`)),
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

/** A server whose answer to this path, and no other, has its `status`. */
async function answering(path: string) {
  const server = createServer((req, res) => res.writeHead(req.url === path ? state.status : 404).end('{}'))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => void server.close())
  const state = { port: String((server.address() as AddressInfo).port), status: 200 }
  return state
}

/** Whether a command ends with status 0. */
async function runs([program = '', ...args]: string[], env: Record<string, string> = {}): Promise<boolean> {
  const [status] = await once(spawn(program, args, { env: { PATH: process.env['PATH'] ?? '', ...env } }), 'close')
  return status === 0
}

/** A file and all of ours that it needs, by their paths. */
function importedBy(path: string, found = new Set<string>()): Set<string> {
  if (found.has(path)) return found
  found.add(path)
  for (const [, name = ''] of read(path).matchAll(/ from '(\.[^']+)'/g)) importedBy(join(dirname(path), name), found)
  return found
}

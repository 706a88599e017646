import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Script } from 'node:vm'
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
  const final = instructions.slice(instructions.findLastIndex((line) => line.startsWith('FROM ')))

  it('is built in some stages and run in another, all on a Node of a named version', () => {
    expect(of('FROM')).toEqual([
      'FROM node:26-slim AS dependencies',
      'FROM dependencies AS imagekit',
      'FROM dependencies AS build',
      'FROM node:26-slim',
    ])
    expect(of('ADD')).toEqual([])
    expect(final.filter((line) => line.startsWith('COPY '))).toEqual(
      final.filter((line) => line.startsWith('COPY --from=build ')),
    )
  })

  it('is run by somebody who is not root, behind a process that hands signals on', () => {
    expect(final.filter((line) => line.startsWith('USER '))).toEqual(['USER node'])
    expect(final).toContain('ENTRYPOINT ["tini", "--"]')
    expect(final).toContain('CMD ["mediaport", "serve"]')
  })

  it('installs what it needs and keeps no lists of packages', () => {
    for (const line of of('RUN').filter((run) => run.includes('apt-get install'))) {
      expect(line).toContain('--no-install-recommends')
      expect(line).toContain('rm -rf /var/lib/apt/lists/*')
    }
    expect(of('RUN').join()).toContain('npm ci')
  })

  it('says whether it is well by its ping, with a command that runs', () => {
    const [, command = ''] = /CMD (\[.*\])/.exec(of('HEALTHCHECK').join()) ?? []
    const [node, flag, script] = JSON.parse(command)
    expect([node, flag]).toEqual(['node', '-e'])
    expect(script).toContain('/ping/')
    expect(() => new Script(script)).not.toThrow()
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

  it('starts web and worker when the database answers, whatever else does, and each of them again by itself', () => {
    expect(Object.keys(services)).toEqual(['web', 'worker', 'db', 'mongo', 'redis'])
    for (const { depends_on } of [services.web, services.worker])
      expect(depends_on).toEqual({ db: { condition: 'service_healthy' } })
    expect(services.db.healthcheck.test).toEqual(['CMD', 'pg_isready', '--username=media', '--dbname=media'])
    for (const [name, service] of Object.entries<Record<string, unknown>>(services)) {
      expect(service, name).toMatchObject({ restart: 'unless-stopped', mem_limit: expect.stringMatching(/^\d+[mg]$/) })
      if (name !== 'web') expect(service, name).toHaveProperty('healthcheck.test')
    }
    expect(Number.parseInt(services.web.stop_grace_period, 10)).toBeGreaterThan(30)
  })

  it('keeps its data in named volumes', () => {
    const used = Object.values<{ volumes: string[] }>(services).flatMap((service) =>
      service.volumes.map((volume) => volume.split(':')[0]),
    )
    expect([...new Set(used)].toSorted()).toEqual(Object.keys(volumes).toSorted())
  })

  it('needs no .env, and gives the server variables that it takes', () => {
    expect(services.web.env_file).toEqual([{ path: '.env', required: false }])
    const fillIn = (value: string): string =>
      value.replaceAll(/\$\{\w+:-((?:\$\{[^}]*\}|[^{}])*)\}/g, (_, otherwise: string) => fillIn(otherwise))
    const env = Object.fromEntries(
      Object.entries(services.web.environment).map(([name, value]) => [name, fillIn(String(value))]),
    )
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
    expect(services.worker.environment).toEqual(services.web.environment)
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
  const { services } = parse(text, { merge: true, logLevel: 'error' })
  const { imagekit, web, worker } = services
  const DELIVERY = 'http://127.0.0.1:8300/local'

  it('adds that server and changes nobody but web and worker', () => {
    expect(Object.keys(services)).toEqual(['imagekit', 'web', 'worker'])
    expect(imagekit).toMatchObject({ restart: 'unless-stopped', mem_limit: expect.stringMatching(/^\d+m$/) })
    expect(imagekit.healthcheck.test.slice(0, 3)).toEqual(['CMD', 'node', '-e'])
    expect(() => new Script(imagekit.healthcheck.test[3])).not.toThrow()
  })

  it('gives the three of them one network, so that an address is the same for readers, too', () => {
    for (const service of [web, worker]) {
      expect(service.network_mode).toBe('service:imagekit')
      expect(service.depends_on).toEqual({ imagekit: { condition: 'service_healthy', restart: true } })
    }
    // Who has another's network can't publish: it takes over the ports of the web service, which has none any more.
    expect(imagekit.ports).toEqual([...plain.services.web.ports, '127.0.0.1:8300:8300'])
    expect(text).toMatch(/^ {2}web:\n {4}<<: \*local\n {4}ports: !reset \[\]$/m)
  })

  it('sends files to it, by variables that the server takes', async () => {
    expect(worker.environment).toEqual(web.environment)
    const env = { HOST: '127.0.0.1', ...web.environment }
    const { storage, imagekit: account } = readConfig(env)._unsafeUnwrap()
    expect([storage, account?.urlEndpoint]).toEqual(['imagekit', DELIVERY])
    expect([account?.uploadUrl, account?.apiUrl]).toEqual(Array(2).fill(new URL(DELIVERY).origin))
    const local = await startLocalImagekit()
    onTestFinished(() => local.close())
    expect(account?.privateKey).toBe(local.privateKey)
    expect(local.urlEndpoint).toBe(`${local.url}${new URL(DELIVERY).pathname}`)
  })

  it('is built of what its command needs, and listens where the container is reached', () => {
    const dockerfile = read('Dockerfile')
    expect(imagekit.build).toEqual({ context: '.', target: 'imagekit' })
    const [stage = ''] = /^FROM dependencies AS imagekit\n(?:.+\n)+/m.exec(dockerfile) ?? []
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

/** A file and all of ours that it needs, by their paths. */
function importedBy(path: string, found = new Set<string>()): Set<string> {
  if (found.has(path)) return found
  found.add(path)
  for (const [, name = ''] of read(path).matchAll(/ from '(\.[^']+)'/g)) importedBy(join(dirname(path), name), found)
  return found
}

import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { importsOf, layerOf, type Source, violations } from './architecture/imports.ts'

const ROOT = new URL('../', import.meta.url)
const tree: readonly Source[] = readdirSync(new URL('src/', ROOT), { recursive: true, encoding: 'utf8' })
  .map((name) => `src/${name.replaceAll('\\', '/')}`)
  .filter((path) => /\.[cm]?[jt]sx?$/.test(path))
  .map((path) => ({ path, source: readFileSync(new URL(path, ROOT), 'utf8') }))

describe(`the architecture, in ${tree.length} files`, () => {
  it.each(['domain', 'application', 'adapters', 'main'])('reads the files and imports of %s', (layer) => {
    const files = tree.filter(({ path }) => layerOf(path)[0] === layer)
    expect(files.length).toBeGreaterThan(0)
    expect(files.flatMap(({ path, source }) => importsOf(path, source) ?? []).length).toBeGreaterThan(0)
  })

  it('points one way: main → adapters → application → domain', () => {
    expect(violations(tree)).toEqual([])
  })
})

const NEVER = 'tsyringe reflect-metadata reflect-metadata/lite mediaport mediaport/testing #domain /b.ts file:///b.ts'
const FORBIDDEN = {
  'src/domain/a.ts': `../application/b.ts ../adapters/redis/b.ts ../main/b.ts ../index.ts ../testing.ts ../../tests/b.ts
    ../../package.json ../utils/b.ts ./%2e%2e/main/b.ts kysely neverthrow-extra node:crypto node:fs fs ${NEVER}`,
  'src/application/ports/a.ts': `../../adapters/redis/b.ts ../../main/b.ts ../../index.ts ../../testing.ts
    ../../../tests/b.ts ../../../package.json pg crypto node:fs node:fs/promises node:net node:tls node:http node:https
    node:http2 node:dgram node:dns node:sqlite node:child_process node:worker_threads node:module node:vm ${NEVER}`,
  'src/adapters/redis/a.ts': `../mongo/b.ts ../redis-cluster/b.ts ../../adapters/http/deep/b.ts ../b.ts ..
    ../../main/b.ts ../../index.ts ../../testing.ts ../../../tests/b.ts ../../../package.json ${NEVER}`,
  'src/main/a.ts': '../index.ts ../testing.ts ../../tests/b.ts mediaport #domain https://example.com/b.js',
  'src/index.ts': `./testing.ts ../tests/b.ts ${NEVER}`,
  'src/testing.ts': `./index.ts ../tests/b.ts ${NEVER}`,
}
const ALLOWED = {
  'src/domain/a.ts': './b.ts ./deep/b.ts neverthrow',
  'src/application/ports/a.ts': './b.ts ../b.ts ../../domain/b.ts neverthrow node:crypto node:events node:stream',
  'src/adapters/redis/a.ts': './b.ts ../redis/b.ts ../../domain/b.ts ../../application/b.ts pg @koa/router node:fs fs',
  'src/main/a.ts': `./b.ts ../domain/b.ts ../application/b.ts ../adapters/redis/b.ts ../../package.json tsyringe
    reflect-metadata/lite node:net`,
  'src/index.ts': './domain/b.ts ./application/b.ts ./main/b.ts ./adapters/memory/b.ts neverthrow',
  'src/testing.ts': './domain/b.ts ./application/b.ts ./main/b.ts ./adapters/redis/b.ts',
}
const FORMS = {
  'import …': (specifier: string) => `import { b } from '${specifier}'`,
  'import type …': (specifier: string) => `import type { B } from '${specifier}'`,
  'import(…)': (specifier: string) => `const b = await import('${specifier}')`,
}
const arrows = (table: Readonly<Record<string, string>>) =>
  Object.entries(table).flatMap(([path, list]) => list.split(/\s+/).map((specifier) => [path, specifier] as const))
const found = (path: string, source: string) => violations([{ path, source }]).map((v) => [v.file, v.specifier])

describe.each(Object.entries(FORMS))('the rules, planted as %s', (_, form) => {
  it.each(arrows(FORBIDDEN))('refuse %s → %s', (path, specifier) => {
    const innocent = { path: 'src/domain/innocent.ts', source: `import { ok } from 'neverthrow'` }
    const reported = violations([innocent, { path, source: `const a = 1\n${form(specifier)}\n` }])
    expect(reported).toEqual([{ file: path, specifier, reason: expect.stringContaining('may not import') }])
  })

  it.each(arrows(ALLOWED))('allow %s → %s', (path, specifier) => {
    expect(found(path, form(specifier))).toEqual([])
  })
})

const EVERY_FORM = `
  import '../mongo/b.ts'
  import {} from '../mongo/b.ts'
  import { type B } from '../mongo/b.ts'
  import b, * as c from '../mongo/b.ts'
  export * from '../mongo/b.ts'
  export * as b from '../mongo/b.ts'
  export { b } from '../mongo/b.ts'
  export {} from '../mongo/b.ts'
  export type { B } from '../mongo/b.ts'
  export type * from '../mongo/b.ts'
  import b = require('../mongo/b.ts')
  import type b = require('../mongo/b.ts')
  const f = () => import('../mongo/b.ts', {})
  import(\`../mongo/b.ts\`)
  import(('../mongo/b.ts' as string))
  import('../mongo/' + 'b.ts')
  let b: import('../mongo/b.ts').B
  class A { b?: Map<1, typeof import('../mongo/b.ts')> }
  require('../mongo/b.ts')
  require.resolve('../mongo/b.ts')
  createRequire(import.meta.url)('../mongo/b.ts')
  import.meta.resolve('../mongo/b.ts')
  new Worker(new URL('../mongo/b.ts', import.meta.url))
  declare module '../mongo/b.ts' { interface B {} }
  /// <reference path="../mongo/b.ts" />`

describe('the checker', () => {
  it.each(EVERY_FORM.trim().split(/\n +/))('sees %s', (source) => {
    expect(found('src/adapters/redis/a.ts', source)).toEqual([['src/adapters/redis/a.ts', '../mongo/b.ts']])
  })

  it.each(['import(name)', 'import(`./${name}.ts`)', `require('./' + name)`, 'new URL(name, import.meta.url)'])(
    'refuses %s where it must know, in domain and application',
    (source) => {
      expect(found('src/domain/a.ts', source)).toHaveLength(1)
      expect(found('src/application/a.ts', source)).toHaveLength(1)
      expect(found('src/adapters/redis/a.ts', source)).toEqual([])
    },
  )

  it('judges by what it can read, and is not fooled by text', () => {
    expect(found('src/adapters/redis/a.ts', 'import(`../mongo/${name}.ts`)')).toHaveLength(1)
    expect(found('src/domain/a.ts', `process.getBuiltinModule('node:fs')`)).toHaveLength(1)
    expect(found('src/domain/a.ts', `new URL('https://example.com/main/b.ts')`)).toEqual([])
    expect(found('src/domain/a.ts', `// import '../main/b.ts'\nconst a = "import '../main/b.ts'"`)).toEqual([])
  })

  it.each([
    ['src/domain/a.ts', 'import {'],
    ['src/utils/a.ts', ''],
    ['src/adapters/a.ts', ''],
  ])('reports %s, which it cannot parse or place', (path, source) => {
    expect(found(path, source)).toEqual([[path, '']])
  })
})

import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { temporaryFolder } from './support/temporary-folder.ts'

/** Imports that the linter must reject, by the file that contains them. */
const FORBIDDEN: Record<string, string> = {
  'src/domain/a.ts':
    '../application/b.ts ../adapters/redis/b.ts ../main/b.ts ../index.ts ../../tests/b.ts kysely node:fs',
  'src/domain/values/a.ts': '../../application/b.ts ../../main/b.ts ../../index.ts pg tsyringe node:crypto',
  'src/application/a.ts': '../adapters/redis/b.ts ../main/b.ts ../index.ts ../../tests/b.ts pg node:fs tsyringe',
  'src/application/upload/a.ts':
    '../mediaport.ts ../../adapters/redis/b.ts ../../main/b.ts ../../index.ts koa node:http',
  'src/adapters/redis/a.ts':
    '../mongo/b.ts ../../main/b.ts ../../index.ts ../../../tests/b.ts tsyringe reflect-metadata/lite',
  'src/adapters/http/pages/a.ts':
    '../../mongo/b.ts ../../../main/b.ts ../../../index.ts ../../../../tests/b.ts tsyringe',
  'src/main/a.ts': '../index.ts ../../tests/b.ts',
  'src/a.ts': '../tests/b.ts tsyringe',
}
const ALLOWED: Record<string, string> = {
  'src/domain/a.ts': './b.ts ./values/b.ts neverthrow',
  'src/domain/values/a.ts': './b.ts ../metadata.ts neverthrow',
  'src/application/a.ts': './b.ts ./ports/b.ts ../domain/media/b.ts neverthrow node:crypto',
  'src/application/upload/a.ts': './b.ts ../policy.ts ../ports/b.ts ../../domain/media/b.ts neverthrow node:stream',
  'src/adapters/redis/a.ts': './b.ts ../../domain/media/b.ts ../../application/ports/b.ts pg node:fs',
  'src/adapters/http/pages/a.ts': './b.ts ../b.ts ../../../domain/media/b.ts ../../../application/b.ts koa',
  'src/main/a.ts': './b.ts ../domain/b.ts ../application/b.ts ../adapters/redis/b.ts ../../package.json tsyringe',
  'src/a.ts': './domain/b.ts ./application/b.ts ./main/b.ts ./adapters/memory/b.ts',
}
const FORMS: Record<string, (specifier: string) => string> = {
  'import …': (specifier) => `import { b } from '${specifier}'\nexport const a = b\n`,
  'import type …': (specifier) => `import type { B } from '${specifier}'\nexport type A = B\n`,
  'export … from': (specifier) => `export { b } from '${specifier}'\n`,
  'import(…)': (specifier) => `export const a = await import('${specifier}')\n`,
}

interface PlantedFile {
  readonly path: string
  readonly specifier: string
  readonly source: string
}

const filesOf = (table: Record<string, string>): PlantedFile[] =>
  Object.entries(table).flatMap(([path, specifiers]) =>
    specifiers.split(' ').flatMap((specifier, n) =>
      Object.values(FORMS).map((form, m) => ({
        path: path.replace('a.ts', `a${n}x${m}.ts`),
        specifier,
        source: form(specifier),
      })),
    ),
  )

describe('The linter', () => {
  const folder = temporaryFolder(afterAll)
  const [forbidden, allowed] = [filesOf(FORBIDDEN), filesOf(ALLOWED)]
  let reported: Map<string, string[]>

  const plant = (path: string, source: string): void => {
    mkdirSync(join(folder, dirname(path)), { recursive: true })
    writeFileSync(join(folder, path), source)
  }

  beforeAll(() => {
    cpSync('.oxlintrc.json', join(folder, '.oxlintrc.json'))
    for (const { path, source } of forbidden) plant(path, source)
    for (const { path, source } of allowed) plant(path.replace('/a', '/allowed'), source)
    plant('src/domain/cycle1.ts', `import { two } from './cycle2.ts'\nexport const one = () => two\n`)
    plant('src/domain/cycle2.ts', `import { one } from './cycle1.ts'\nexport const two = () => one\n`)
    plant('src/domain/cycle3.ts', `import type { Four } from './cycle4.ts'\nexport type Three = Four\n`)
    plant('src/domain/cycle4.ts', `import type { Three } from './cycle3.ts'\nexport type Four = Three | 4\n`)
    reported = lint(folder)
  })

  it(`rejects each of ${forbidden.length} forbidden imports`, () => {
    const passed = forbidden.filter(({ path }) => !reported.get(path)?.includes('eslint(no-restricted-imports)'))
    expect(passed).toEqual([])
  })

  it(`accepts each of ${allowed.length} imports in the allowed direction`, () => {
    const refused = allowed.filter(({ path }) =>
      reported.get(path.replace('/a', '/allowed'))?.includes('eslint(no-restricted-imports)'),
    )
    expect(refused).toEqual([])
  })

  it.each([1, 2, 3, 4])('reports an import cycle, also of types only (%d)', (n) => {
    expect(reported.get(`src/domain/cycle${n}.ts`)).toContain('import(no-cycle)')
  })
})

/** Runs oxlint. Returns the codes of its diagnostics by file. */
function lint(folder: string): Map<string, string[]> {
  const oxlint = join(import.meta.dirname, '../node_modules/.bin/oxlint')
  let output: string
  try {
    output = execFileSync(oxlint, ['--format=json', 'src'], { cwd: folder, encoding: 'utf8', maxBuffer: 2 ** 28 })
  } catch (error) {
    // oxlint exits with status 1 if it reports a diagnostic.
    output = (error as { stdout: string }).stdout
  }
  const { diagnostics }: { diagnostics: { filename: string; code: string }[] } = JSON.parse(output)
  const byFile = new Map<string, string[]>()
  for (const { filename, code } of diagnostics) byFile.set(filename, [...(byFile.get(filename) ?? []), code])
  return byFile
}

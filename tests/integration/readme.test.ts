import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { readConfig } from '../../src/main/config.ts'
import { PNG } from '../samples.ts'
import { withServices } from '../services.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { newDatabase } from './postgres.ts'

const root = new URL('../../', import.meta.url)
const readme = readFileSync(new URL('README.md', root), 'utf8')
const embeddingGuide = readFileSync(new URL('docs/embedding.md', root), 'utf8')
const { exports } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as { exports: Exports }
type Exports = Record<string, { default: string }>
const folder = temporaryFolder(afterAll)

/** Runs code and returns its output. The imports of the package are replaced by the source files. */
function run(code: string): string {
  const script = join(root.pathname, 'tests', `example-${randomUUID()}.ts`)
  const sources = code.replaceAll(/'mediaport(\/[a-z-]+)?'/g, (_, path = '') => {
    const source = exports[`.${path}`]?.default.replace('./dist/', 'src/').replace('.js', '.ts')
    return `'${new URL(source ?? '', root).href}'`
  })
  writeFileSync(script, sources)
  try {
    return execFileSync(process.execPath, [script], { encoding: 'utf8' })
  } finally {
    rmSync(script)
  }
}

const examplesIn = (text: string): string[] => [...text.matchAll(/```ts\n([^]*?)```/g)].map(([, code = '']) => code)

describe('The README', () => {
  it('has a code example that runs unchanged', () => {
    const [code = ''] = examplesIn(readme)
    expect(run(code)).toBe('dot image/gif 42\n1\n42\n')
    expect(code.split('\n').length).toBeLessThanOrEqual(21)
  })

  it('and .env.example name every variable', () => {
    const readNames = new Set<string>()
    const environment = new Proxy({}, { get: (_, name) => void readNames.add(String(name)) })
    readConfig(environment)
    const names = [...readNames].filter((name) => !/KEY/.test(name))
    const example = readFileSync(new URL('.env.example', root), 'utf8')
    for (const name of names) {
      expect(readme, name).toContain(`\`${name}\``)
      expect(example, name).toMatch(new RegExp(`^#${name}=`, 'm'))
    }
  })
})

describe('The page on embedding', () => {
  const [memoryExample = '', postgresExample = ''] = examplesIn(embeddingGuide)

  it('has an example in memory that runs unchanged', () => {
    expect(run(memoryExample)).toBe('pending\nnone\n')
  })

  withServices(['POSTGRES_URL'], 'has an example on PostgreSQL', () => {
    it('that reads the metadata of an upload', async () => {
      const database = await newDatabase()
      const code = postgresExample
        .replace('postgres://localhost/app', database.url)
        .replace('/var/lib/app/media', folder)
      const usage = `
        const body = (async function* () { yield Buffer.from('${PNG.toString('base64')}', 'base64') })()
        const { id } = (await mediaport.uploadMedia({ owner: 'me', filename: 'a.png', body }))._unsafeUnwrap()
        const status = async () => (await mediaport.readMetadata(id, { owner: 'me' }))._unsafeUnwrap().status
        while ((await status()) === 'pending') await new Promise((resolve) => setTimeout(resolve, 50))
        console.log(await status())
        await stop()`
      expect(run(code + usage)).toBe('none\n')
      await database.drop()
    })
  })
})

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { readConfig } from '../../src/main/config.ts'

const root = new URL('../../', import.meta.url)
const readme = readFileSync(new URL('README.md', root), 'utf8')
const folder = mkdtempSync(join(tmpdir(), 'mediaport-'))

afterAll(() => rmSync(folder, { recursive: true }))

describe('The README', () => {
  it('has an example in code that runs as it stands', () => {
    const [, code = ''] = /```ts\n([^]*?)```/.exec(readme) ?? []
    const script = join(folder, 'example.ts')
    writeFileSync(script, code.replace("'mediaport'", `'${new URL('src/index.ts', root).href}'`))
    expect(execFileSync(process.execPath, [script], { encoding: 'utf8' })).toBe('dot image/gif 42\n1\n42\n')
    expect(code.split('\n').length).toBeLessThanOrEqual(21)
  })

  it('and .env.example name every variable there is', () => {
    const asked = new Set<string>()
    const spy = new Proxy({}, { get: (_, name) => void asked.add(String(name)) })
    readConfig(spy)
    const supported = [...asked].filter((name) => !/KEY/.test(name))
    const example = readFileSync(new URL('.env.example', root), 'utf8')
    for (const name of supported) {
      expect(readme, name).toContain(`\`${name}\``)
      expect(example, name).toMatch(new RegExp(`^#${name}=`, 'm'))
    }
  })
})

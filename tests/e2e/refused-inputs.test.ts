import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { REFUSAL } from './harness.ts'

const FOLDER = join(import.meta.dirname, 'bad-inputs')
/** The first argument of `describe(…)`, `it(…)` and `it.each(…)(…)`. */
const TITLE = /^ *(describe|it)(?:\.each\b[^]*?\))?\(\s*'([^']+)',/gm
/** What a title appends to tell the values of an `it.each` apart. */
const VALUES = /: %.*$/

interface Group {
  readonly heading: string
  readonly titles: string[]
}

const sources = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.test.ts'))
  .toSorted()
  .map((name) => ({ name, source: readFileSync(join(FOLDER, name), 'utf8') }))
const groups = sources.flatMap(({ source }) => groupsIn(source))
const titles = groups.flatMap((group) => group.titles)

it('docs/refused-inputs.md has the titles of all tests in tests/e2e/bad-inputs', async () => {
  await expect(render()).toMatchFileSnapshot('../../docs/refused-inputs.md')
})

it.each(sources)('The title of every test in $name is found', ({ source }) => {
  const tests = source.match(/^ *it(?=[.(])/gm) ?? []
  expect(groupsIn(source).flatMap((group) => group.titles)).toHaveLength(tests.length)
})

it('No two tests in tests/e2e/bad-inputs have the same title', () => {
  expect(titles).toEqual([...new Set(titles)])
})

function groupsIn(source: string): Group[] {
  const found: Group[] = []
  for (const [, kind, title = ''] of source.matchAll(TITLE))
    if (kind === 'describe') found.push({ heading: title, titles: [] })
    else found.at(-1)?.titles.push(title.replace(VALUES, ''))
  return found
}

function render(): string {
  const sections = groups.map(({ heading, titles }) => {
    const refusals = titles.map((title) => REFUSAL.exec(title)?.groups).filter((refusal) => refusal !== undefined)
    const others = titles.filter((title) => !REFUSAL.test(title))
    return [`## ${heading}`, table(refusals), list(others)].filter((block) => block !== '').join('\n\n')
  })
  return `${[INTRODUCTION, ...sections].join('\n\n')}\n`
}

const table = (refusals: Record<string, string | undefined>[]): string =>
  refusals.length === 0
    ? ''
    : [
        '| input | status | code |',
        '| --- | --- | --- |',
        ...refusals.map(
          ({ input = '', status, code }) => `| ${sentence(input)} | ${status} | ${code ? `\`${code}\`` : ''} |`,
        ),
      ].join('\n')

const list = (titles: string[]): string => titles.map((title) => `* ${sentence(title)}.`).join('\n')

const sentence = (title: string): string => title.charAt(0).toUpperCase() + title.slice(1).replaceAll('__', '\\_\\_')

const INTRODUCTION = `# Refused inputs

Each row of the tables is an input that the server refuses. Each line below a table is an unusual input that the server accepts
in a defined way. Each is the title of a test in [tests/e2e/bad-inputs](../tests/e2e/bad-inputs), which sends such inputs over a
socket. The status and the code are what the test expects.

Nothing is kept of a refused request: no media item is stored or changed, and the storage has no file of it. If an upload had
already started, its row is abandoned. After each test the server must still accept an ordinary upload.

The code is the last part of \`type\` in the answer, a problem document (RFC 9457). A row without a code is refused by the HTTP
parser of Node.js, which answers with a status only and closes the connection.

\`npx vitest run tests/e2e/refused-inputs.test.ts -u\` writes this document again.`

import { execFile } from 'node:child_process'
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')
/** Of MongoDB and of Redis, which fall silent alike. */
const SILENT = 'tests/contract/silent-servers.test.ts'
/** What dies at a point within them. */
const PROJECTIONS = 'tests/crash/fail-points/projections.ts'

describe('An adapter can be taken away:', () => {
  let copy: string
  beforeAll(async () => {
    copy = await mkdtemp(join(tmpdir(), 'mediaport-without-'))
    for (const part of ['src', 'tests', 'package.json', 'tsconfig.json', 'vitest.config.ts'])
      await cp(join(root, part), join(copy, part), { recursive: true })
    await symlink(join(root, 'node_modules'), join(copy, 'node_modules'))
  })
  afterAll(() => rm(copy, { recursive: true }))

  /** The files that the compiler has something to say about. */
  const faulty = () =>
    new Promise<string[]>((resolve) => {
      execFile(join(copy, 'node_modules/.bin/tsc'), ['-p', '.'], { cwd: copy }, (_, stdout) => {
        const files = stdout.split('\n').flatMap((line) => /^(\S+\.ts)\(/.exec(line)?.[1] ?? [])
        resolve([...new Set(files)].toSorted())
      })
    })

  it('with none of them, nothing is missing', async () => {
    expect(await faulty()).toEqual([])
  })

  it.each([
    ['mongo', ['src/main/projections.ts', 'tests/contract/metadata-store.test.ts', SILENT, PROJECTIONS]],
    [
      'redis',
      [
        'src/main/projections.ts',
        SILENT,
        'tests/contract/title-cache.test.ts',
        PROJECTIONS,
        'tests/crash/history/plant-blind-cache.ts',
      ],
    ],
    [
      'imagekit',
      [
        'src/main/container.ts',
        'tests/contract/file-storage.test.ts',
        'tests/contract/imagekit-faults.test.ts',
        'tests/crash/fail-points/bytes.ts',
      ],
    ],
    [
      'extraction',
      [
        'src/main/memory-ports.ts',
        'src/main/projections.ts',
        'tests/photos/compare.ts',
        'tests/unit/extraction.test.ts',
      ],
    ],
  ])('without %s, only src/main and its own tests miss it', async (adapter, files) => {
    const folder = join(copy, 'src/adapters', adapter)
    await rm(folder, { recursive: true })
    expect(await faulty()).toEqual(files)
    await cp(join(root, 'src/adapters', adapter), folder, { recursive: true })
  })
})

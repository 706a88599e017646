import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type * as PlayAll from './play-all.ts'
import type * as Points from './points.ts'
import { type Edit, PROTECTIONS } from './protections.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const ENOUGH = 3
/** Pairs find the mutants that points alone do not find. */
const PAIRS = 2000

const [, , only = ''] = process.argv
const chosen = Object.entries(PROTECTIONS).filter(([without]) => without.includes(only))
if (chosen.length === 0) {
  console.error(`No mutant has ${only} in its name. The mutants are:\n  ${Object.keys(PROTECTIONS).join('\n  ')}`)
  process.exit(2)
}
let found = 0
for (const [without, [file, ...edits]] of chosen) {
  const broken = await historiesOf(file, edits)
  const isFound = broken.length >= ENOUGH
  if (isFound) found++
  console.log(`\nwithout ${without}: ${isFound ? 'found' : 'NOT FOUND'}`)
  for (const history of broken) console.log(`  ${history}`)
}
console.log(`\n${found} of ${chosen.length} mutants found`)
if (found < chosen.length) process.exitCode = 1

/** @returns The first histories in which the mutant breaks a promise. */
async function historiesOf(file: string, edits: readonly Edit[]): Promise<readonly string[]> {
  const root = await mkdtemp(join(tmpdir(), 'mediaport-mutant-'))
  try {
    for (const part of ['package.json', 'src', 'tests/samples.ts', 'tests/support', 'tests/simulation'])
      await cp(join(ROOT, part), join(root, part), { recursive: true })
    await symlink(join(ROOT, 'node_modules'), join(root, 'node_modules'))
    let source = await readFile(join(root, file), 'utf8')
    for (const [from, to] of edits) {
      if (source.split(from).length !== 2) throw new Error(`${file} does not contain this text exactly once: ${from}`)
      source = source.replace(from, () => to)
    }
    await writeFile(join(root, file), source)

    const load = (name: string): Promise<unknown> => import(pathToFileURL(join(root, 'tests/simulation', name)).href)
    const { pairsOf, playUndisturbed, pointsOf } = (await load('points.ts')) as typeof Points
    const { playAll } = (await load('play-all.ts')) as typeof PlayAll
    const undisturbed = await playUndisturbed()
    const plans = [...pointsOf(undisturbed), ...pairsOf(PAIRS, undisturbed)]
    return (await playAll(plans, undisturbed, { enough: ENOUGH })).broken
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}

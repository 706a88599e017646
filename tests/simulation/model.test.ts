import {
  type Arbitrary,
  type AsyncCommand,
  assert as assertProperty,
  asyncModelRun,
  asyncProperty,
  commands,
  constant,
  constantFrom,
  integer,
  tuple,
} from 'fast-check'
import { expect, it } from 'vitest'
import { EVERYONE } from '../../src/application/owner.ts'
import type { Attempt } from '../../src/domain/media/ids.ts'
import { boot } from './boot.ts'
import { Client } from './client.ts'
import { STORAGE_KINDS } from './faults.ts'
import { Inspector } from './inspector.ts'
import { currentProcess } from './process.ts'
import { assertKept } from './promises.ts'
import { type Answer, contentOf, isUndecided, send, uploadOf } from './requests.ts'
import { bytesOf } from './sent-files.ts'
import { World } from './world.ts'

/** The expected state of the file of a key. After a lost answer several states are possible. */
interface Entry {
  readonly state: 'stored' | 'deleted' | 'open'
  readonly id?: string
  readonly attempt?: Attempt
  /** The possible titles: a rename whose answer was lost may have been done. */
  readonly titles: ReadonlySet<string>
}

type Model = Map<string, Entry>

type Command = AsyncCommand<Model, World>

const NAMES = ['one.png', 'two.png', 'three.png']
const DEPENDENCIES = {
  database: ['media', 'jobs'],
  storage: ['storage', 'disk', 'imagekit'],
  metadata: ['metadata'],
  titles: ['titles'],
}
type DependencyName = keyof typeof DEPENDENCIES

const name = constantFrom(...NAMES)
const dependency = constantFrom<DependencyName>('database', 'storage', 'metadata', 'titles')

/** All requests and faults, in any order. */
const COMMANDS: Arbitrary<Command>[] = [
  tuple(name, constantFrom(0, 100, 700)).map(([name, paceMs]) =>
    command(`upload ${name} at ${paceMs} ms`, (model, world) => upload(name, paceMs, model, world)),
  ),
  tuple(name, integer({ min: 0, max: 500 })).map(([name, crashIn]) =>
    command(`upload ${name}, crash in ${crashIn} ms`, (model, world) => upload(name, 100, model, world, crashIn)),
  ),
  name.map((name) => command(`read ${name}`, (model, world) => read(name, model, world))),
  constant(command('list', list)),
  tuple(name, constantFrom('red', 'green', 'blue')).map(([name, title]) =>
    command(`rename ${name} ${title}`, (model, world) => rename(name, title, model, world)),
  ),
  name.map((name) => command(`delete ${name}`, (model, world) => remove(name, model, world))),
  constant(command('crash', async (_, world) => world.kill(world.front()))),
  dependency.map((which) =>
    command(`${which} down`, async (_, { down }) => DEPENDENCIES[which].forEach((port) => down.add(port))),
  ),
  dependency.map((which) =>
    command(`${which} up`, async (_, { down }) => DEPENDENCIES[which].forEach((port) => down.delete(port))),
  ),
  integer({ min: 100, max: 6000 }).map((ms) => command(`${ms} ms pass`, (_, { clock }) => clock.sleep(ms))),
]

/** Enough for a lease, the reaper, and two discards with the time between them. */
const REST_MS = 15_000

/** After any sequence of requests and faults, all acknowledged changes are kept and nothing else remains. */
it('stored media items agree with a simple model of them', { timeout: 120_000 }, async () => {
  const programs = commands(COMMANDS, { maxCommands: 40, size: 'max' })
  let stored = 0
  await assertProperty(
    asyncProperty(constantFrom(...STORAGE_KINDS), programs, async (storage, program) => {
      const world = new World(storage, [], boot)
      const model: Model = new Map()
      await world.clock.pass(async () => {
        await asyncModelRun(() => ({ model, real: world }), program)
        world.down.clear()
        await world.clock.sleep(REST_MS)
      }, currentProcess)
      await new Inspector(world, new Client(world)).atRest()
      stored += await compare(model, world)
    }),
    { numRuns: 200 },
  )
  expect(stored).toBeGreaterThan(100)
})

/** @returns The number of stored media items. */
async function compare(model: Model, world: World): Promise<number> {
  const rows = await world.rows()
  for (const [name, { state, attempt, titles }] of model) {
    const row = rows.find(({ filename }) => filename === name)
    if (state === 'stored') expect(row).toMatchObject({ state, attempt })
    if (state === 'stored' && row?.state === 'stored') expect([...titles]).toContain(row.title)
    if (state === 'deleted') expect(row?.attempt).not.toBe(attempt)
  }
  return rows.length
}

function command(what: string, run: Command['run']): Command {
  return { check: () => true, run, toString: () => what }
}

/** One try. Another try with the same name is a retry. */
async function upload(name: string, paceMs: number, model: Model, world: World, crashIn?: number): Promise<void> {
  let isOver = false
  const crash = () => {
    if (!isOver) world.kill(world.front())
  }
  if (crashIn !== undefined) world.clock.at(crashIn, crash)
  const isQuiet = crashIn === undefined && isUp(world, 'database', 'storage')
  const before = model.get(name)
  const answer = await uploadOf(world, { name, key: name, paceMs })()
  isOver = true
  if (answer.isOk()) {
    const { id, attempt, title, replayed } = answer.value
    if (before?.state === 'stored') assertKept('R4', before.attempt === attempt && replayed, `${name} was stored twice`)
    if (before?.state === 'deleted') assertKept('R6', before.attempt !== attempt, `${name} came back`)
    const titles = before?.state === 'stored' ? before.titles : new Set([title])
    assertKept('R1', titles.has(title), `${name} has the title ${title}`)
    model.set(name, { state: 'stored', id, attempt, titles })
    return
  }
  const { type } = answer.error
  const mayBeDeleted = before !== undefined && before.state !== 'stored'
  const isExcused = isUndecided(answer.error) || (type === 'media-deleted' && mayBeDeleted)
  assertKept('R0', isExcused, `the upload of ${name} returned ${type}`)
  if (before?.state === 'stored') assertKept('R1', !isQuiet, `a retry of ${name} returned ${type}`)
  // These errors change nothing.
  const isDecided = type === 'media-deleted' || type === 'idempotency-in-progress'
  if (before?.state !== 'stored' && !isDecided) model.set(name, { ...before, state: 'open', titles: new Set() })
}

async function read(name: string, model: Model, world: World): Promise<void> {
  const entry = model.get(name)
  if (entry?.id === undefined || entry.state === 'open') return
  const answer = await send(world, 'read', contentOf(entry.id))
  if (answer.isOk()) assertKept('R7', answer.value.equals(bytesOf(name)), `${name} has other bytes`)
  if (answer.isOk()) assertKept('R6', entry.state !== 'deleted', `${name} is deleted, but can be read`)
  if (entry.state === 'stored') assertExcused(answer, isUp(world, 'database', 'storage'))
}

async function list(model: Model, world: World): Promise<void> {
  const answer = await send(world, 'list', (mediaport) => mediaport.listMedia({ owner: EVERYONE }))
  if (answer.isErr()) return assertExcused(answer, isUp(world, 'database'))
  const { items } = answer.value
  for (const [name, { state, attempt, titles }] of model) {
    const listed = items.find((item) => item.filename === name)
    if (state === 'stored')
      assertKept('R1', listed && titles.has(listed.title), `${name} is listed as ${listed?.title}`)
    if (state === 'deleted') assertKept('R6', listed?.attempt !== attempt, `${name} is deleted, but listed`)
  }
}

async function rename(name: string, title: string, model: Model, world: World): Promise<void> {
  const entry = model.get(name)
  if (entry?.id === undefined || entry.state !== 'stored') return
  const { id } = entry
  const answer = await send(world, 'rename', (mediaport) => mediaport.changeMedia(id, { owner: EVERYONE, title }))
  assertExcused(answer, isUp(world, 'database'))
  model.set(name, { ...entry, titles: new Set(answer.isOk() ? [title] : [...entry.titles, title]) })
}

async function remove(name: string, model: Model, world: World): Promise<void> {
  const entry = model.get(name)
  if (entry?.id === undefined || entry.state !== 'stored') return
  const { id } = entry
  const answer = await send(world, 'delete', (mediaport) => mediaport.deleteMedia(id, { owner: EVERYONE }))
  assertExcused(answer, isUp(world, 'database'))
  if (answer.isOk()) model.set(name, { ...entry, state: 'deleted' })
}

/**
 * Throws unless the error has a reason. A dependency that is down refuses everything immediately, so nothing was done.
 */
function assertExcused(answer: Answer<unknown>, isUp: boolean): void {
  if (answer.isOk()) return
  assertKept('R0', !isUp && answer.error.type === 'unavailable', `returned ${answer.error.type} without a reason`)
}

const isUp = ({ down }: World, ...which: readonly DependencyName[]): boolean =>
  !which.flatMap((name) => DEPENDENCIES[name]).some((port) => down.has(port))

import { type Arbitrary, type AsyncCommand, constant, constantFrom, integer, tuple } from 'fast-check'
import type { Attempt } from '../../src/domain/media/ids.ts'
import { BrokenPromise } from './promises.ts'
import { type Answer, type Requests, UNDECIDED } from './requests.ts'
import { bytesOf } from './sent-files.ts'
import type { World } from './world.ts'

/** What is known of the file of a key. After a lost answer nothing is certain. */
export interface Entry {
  readonly state: 'stored' | 'deleted' | 'open'
  readonly id?: string
  readonly attempt?: Attempt
  /** The possible titles: a rename whose answer was lost may have been done. */
  readonly titles: ReadonlySet<string>
}

export type Model = Map<string, Entry>

export interface Real {
  readonly world: World
  readonly requests: Requests
}

type Command = AsyncCommand<Model, Real>

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
export const COMMANDS: Arbitrary<Command>[] = [
  tuple(name, constantFrom(0, 100, 700)).map(([name, paceMs]) => upload(name, paceMs, undefined)),
  tuple(name, integer({ min: 0, max: 500 })).map(([name, crashIn]) => upload(name, 100, crashIn)),
  name.map((name) => command(`read ${name}`, (model, real) => read(name, model, real))),
  constant(command('list', list)),
  tuple(name, constantFrom('red', 'green', 'blue')).map(([name, title]) =>
    command(`rename ${name} ${title}`, (model, real) => rename(name, title, model, real)),
  ),
  name.map((name) => command(`delete ${name}`, (model, real) => remove(name, model, real))),
  constant(command('crash', async (_, { world }) => world.kill(world.front))),
  dependency.map((which) =>
    command(`${which} down`, async (_, { world }) => {
      for (const port of DEPENDENCIES[which]) world.down.add(port)
    }),
  ),
  dependency.map((which) =>
    command(`${which} up`, async (_, { world }) => {
      for (const port of DEPENDENCIES[which]) world.down.delete(port)
    }),
  ),
  integer({ min: 100, max: 6000 }).map((ms) => command(`${ms} ms pass`, (_, { world }) => world.clock.sleep(ms))),
]

function command(what: string, run: Command['run']): Command {
  return { check: () => true, run, toString: () => what }
}

/** One try, with or without a crash during it. Another try with the same name is a retry. */
function upload(name: string, paceMs: number, crashIn: number | undefined): Command {
  return command(
    `upload ${name} at ${paceMs} ms${crashIn === undefined ? '' : `, crash in ${crashIn} ms`}`,
    async (model, real) => {
      const { world, requests } = real
      let isOver = false
      const crash = () => {
        if (!isOver) world.kill(world.front)
      }
      if (crashIn !== undefined) world.clock.at(crashIn, crash)
      const isQuiet = crashIn === undefined && isUp(world, 'database') && isUp(world, 'storage')
      const before = model.get(name)
      const answer = await requests.upload({ name, key: name, paceMs })
      isOver = true
      if (answer.isOk()) {
        const { id, attempt, title, replayed } = answer.value
        if (before?.state === 'stored' && (before.attempt !== attempt || !replayed))
          throw new BrokenPromise('R4', `${name} was stored twice`)
        if (before?.state === 'deleted' && before.attempt === attempt)
          throw new BrokenPromise('R6', `${name} came back`)
        const titles = before?.state === 'stored' ? before.titles : new Set([title])
        if (!titles.has(title)) throw new BrokenPromise('R1', `${name} has the title ${title}`)
        model.set(name, { state: 'stored', id, attempt, titles })
        return
      }
      const { type } = answer.error
      if (!UNDECIDED.has(type) && !(type === 'media-deleted' && before && before.state !== 'stored'))
        throw new BrokenPromise('R0', `the upload of ${name} returned ${type}`)
      if (before?.state === 'stored' && isQuiet) throw new BrokenPromise('R1', `a retry of ${name} returned ${type}`)
      // These errors change nothing.
      const isDecided = type === 'media-deleted' || type === 'idempotency-in-progress'
      if (before?.state !== 'stored' && !isDecided) model.set(name, { ...before, state: 'open', titles: new Set() })
    },
  )
}

async function read(name: string, model: Model, { world, requests }: Real): Promise<void> {
  const entry = model.get(name)
  if (entry?.id === undefined || entry.state === 'open') return
  const answer = await requests.read(entry.id)
  if (answer.isOk() && !answer.value.equals(bytesOf(name))) throw new BrokenPromise('R7', `${name} has other bytes`)
  if (answer.isOk() && entry.state === 'deleted') throw new BrokenPromise('R6', `${name} is deleted, but can be read`)
  if (answer.isErr() && entry.state === 'stored')
    assertExcused(answer, isUp(world, 'database') && isUp(world, 'storage'))
}

async function list(model: Model, { world, requests }: Real): Promise<void> {
  const answer = await requests.list()
  if (answer.isErr()) return assertExcused(answer, isUp(world, 'database'))
  const { items } = answer.value
  for (const [name, { state, attempt, titles }] of model) {
    const listed = items.find((item) => item.filename === name)
    if (state === 'stored' && !(listed && titles.has(listed.title)))
      throw new BrokenPromise('R1', `${name} is listed as ${listed?.title}`)
    if (state === 'deleted' && listed?.attempt === attempt)
      throw new BrokenPromise('R6', `${name} is deleted, but listed`)
  }
}

async function rename(name: string, title: string, model: Model, { world, requests }: Real): Promise<void> {
  const entry = model.get(name)
  if (entry?.id === undefined || entry.state !== 'stored') return
  const answer = await requests.rename(entry.id, { title })
  if (answer.isErr()) assertExcused(answer, isUp(world, 'database'))
  model.set(name, { ...entry, titles: new Set(answer.isOk() ? [title] : [...entry.titles, title]) })
}

async function remove(name: string, model: Model, { world, requests }: Real): Promise<void> {
  const entry = model.get(name)
  if (entry?.id === undefined || entry.state !== 'stored') return
  const answer = await requests.delete(entry.id)
  if (answer.isErr()) return assertExcused(answer, isUp(world, 'database'))
  model.set(name, { ...entry, state: 'deleted' })
}

/**
 * Throws unless the error has a reason. A dependency that is down refuses everything immediately, so nothing was done.
 */
function assertExcused(answer: Awaited<Answer<unknown>>, isUp: boolean): void {
  if (answer.isErr() && (isUp || answer.error.type !== 'unavailable'))
    throw new BrokenPromise('R0', `returned ${answer.error.type} without a reason`)
}

const isUp = ({ down }: World, which: DependencyName): boolean => !DEPENDENCIES[which].some((port) => down.has(port))

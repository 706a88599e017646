import { assert as assertProperty, asyncModelRun, asyncProperty, commands, constantFrom } from 'fast-check'
import { expect, it } from 'vitest'
import { STORAGE_KINDS } from './faults.ts'
import { COMMANDS, type Model } from './model.ts'
import { running } from './process.ts'
import { Requests } from './requests.ts'
import { World } from './world.ts'

/** A lease, the reaper, and two discards with what lies between them. */
const REST = 15_000

/** Whatever is done in whatever order, what the clients were told stays true, and nothing else is left in the end. */
it('the life of media agrees with a map of them', { timeout: 120_000 }, async () => {
  const programs = commands(COMMANDS, { maxCommands: 40, size: 'max' })
  let stored = 0
  await assertProperty(
    asyncProperty(constantFrom(...STORAGE_KINDS), programs, async (storage, program) => {
      const world = new World(storage, [])
      const model: Model = new Map()
      const uninstall = world.clock.install(running)
      const live = async () => {
        await asyncModelRun(() => ({ model, real: { world, requests: new Requests(world) } }), program)
        world.down.clear()
        await world.clock.sleep(REST)
      }
      try {
        await world.clock.passUntil(live())
      } finally {
        uninstall()
      }
      stored += await compare(model, world)
    }),
    { numRuns: 200 },
  )
  expect(stored).toBeGreaterThan(100)
})

/** @returns how many media are stored. */
async function compare(model: Model, world: World): Promise<number> {
  const rows = await world.rows()
  for (const [name, { state, attempt, titles }] of model) {
    const row = rows.find(({ filename }) => filename === name)
    if (state === 'stored') expect(row).toMatchObject({ state, attempt })
    if (state === 'stored' && row?.state === 'stored') expect([...titles]).toContain(row.title)
    if (state === 'deleted') expect(row?.attempt).not.toBe(attempt)
  }
  const stored = rows.filter((row) => row.state === 'stored')
  expect(rows).toEqual(stored)
  expect([...(await world.files()).keys()].toSorted()).toEqual(stored.map(({ storageKey }) => storageKey).toSorted())
  expect([...world.jobs]).toEqual([])
  for (const row of stored) {
    const cached = (await world.titles.find(row.id))._unsafeUnwrap()
    const document = (await world.metadata.find(row.id, row.attempt))._unsafeUnwrap()
    expect(document?.tags['sha256']).toBe(row.sha256)
    if (cached || !world.forgotten.has(row.id)) expect(cached).toMatchObject({ title: row.title, version: row.version })
  }
  expect((await world.metadata.list())._unsafeUnwrap()).toHaveLength(stored.length)
  return stored.length
}

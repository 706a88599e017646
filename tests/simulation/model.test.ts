import { assert as assertProperty, asyncModelRun, asyncProperty, commands, constantFrom } from 'fast-check'
import { expect, it } from 'vitest'
import { STORAGE_KINDS } from './faults.ts'
import { COMMANDS, type Model } from './model.ts'
import { currentProcess } from './process.ts'
import { Requests } from './requests.ts'
import { World } from './world.ts'

/** Enough for a lease, the reaper, and two discards with the time between them. */
const REST_MS = 15_000

/** After any sequence of requests and faults, all acknowledged changes are kept and nothing else remains. */
it('stored media items agree with a simple model of them', { timeout: 120_000 }, async () => {
  const programs = commands(COMMANDS, { maxCommands: 40, size: 'max' })
  let stored = 0
  await assertProperty(
    asyncProperty(constantFrom(...STORAGE_KINDS), programs, async (storage, program) => {
      const world = new World(storage, [])
      const model: Model = new Map()
      const uninstall = world.clock.install(currentProcess)
      const live = async () => {
        await asyncModelRun(() => ({ model, real: { world, requests: new Requests(world) } }), program)
        world.down.clear()
        await world.clock.sleep(REST_MS)
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

/** @returns The number of stored media items. */
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

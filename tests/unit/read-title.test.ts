import { errAsync, ResultAsync } from 'neverthrow'
import { describe, expect, it } from 'vitest'
import { EVERYONE, type OwnerScope } from '../../src/application/owner.ts'
import { unavailable } from '../../src/application/ports/unavailable.ts'
import { memoryPorts } from '../../src/main/memory-ports.ts'
import { createWorld, down, override } from './world.ts'

const cacheDown = unavailable('titles')(new Error('away'))
const never = <T>(): ResultAsync<T, never> => new ResultAsync(new Promise(() => {}))

/** Creates a world whose repository fails reads while `state.isDown`. A title that is read then comes from the cache. */
function createWorldWithSwitch({ titles = memoryPorts().titles } = {}) {
  const state = { isDown: false }
  const world = createWorld({
    ports: { titles },
    wrapMedia: (media) => override(media, { get: (id) => (state.isDown ? errAsync(down) : media.get(id)) }),
  })
  const read = async (id: string, owner: OwnerScope = EVERYONE) =>
    (await world.mediaport.readTitle(id, { owner }))._unsafeUnwrap()
  return { ...world, read, state }
}

describe('Reading a title', () => {
  it('reads the row first, and the cache from then on', async () => {
    const world = createWorldWithSwitch()
    const { id } = await world.upload({ title: 'A', tags: ['x'] })
    expect(await world.read(id)).toEqual({ id, title: 'A', tags: ['x'] })
    world.state.isDown = true
    expect(await world.read(id)).toEqual({ id, title: 'A', tags: ['x'] })
  })

  it('returns a change at once, and not-found at once after deletion', async () => {
    const world = createWorldWithSwitch()
    const { id } = await world.upload({ title: 'A' })
    await world.read(id)
    await world.mediaport.changeMedia(id, { owner: EVERYONE, title: 'B' })
    world.state.isDown = true
    expect(await world.read(id)).toMatchObject({ title: 'B' })
    world.state.isDown = false
    await world.mediaport.deleteMedia(id, { owner: EVERYONE })
    expect((await world.mediaport.readTitle(id, { owner: EVERYONE }))._unsafeUnwrapErr()).toEqual({ type: 'not-found' })
  })

  it('returns not-found for another owner, cached or not', async () => {
    const world = createWorldWithSwitch()
    const { id } = await world.upload({ owner: 'a', title: 'A' })
    const errorForOther = async () => (await world.mediaport.readTitle(id, { owner: 'b' }))._unsafeUnwrapErr().type
    expect(await errorForOther()).toBe('not-found')
    expect(await world.read(id, 'a')).toMatchObject({ title: 'A' })
    expect(await errorForOther()).toBe('not-found')
    expect(await world.read(id)).toMatchObject({ title: 'A' })
  })

  it.each(['', 'x', '01A20712-704D-7006-B9DC-23E57664E313'])('returns not-found for the invalid id %j', async (id) => {
    expect((await createWorldWithSwitch().mediaport.readTitle(id, { owner: EVERYONE }))._unsafeUnwrapErr().type).toBe(
      'not-found',
    )
  })
})

describe.each([
  ['refuses', () => errAsync(cacheDown)],
  ['never answers', never],
])('A title cache that %s', (_, answer) => {
  it('does not make reading, changing or deleting fail', async () => {
    const world = createWorldWithSwitch({
      titles: { put: answer, find: answer, remove: answer, list: () => errAsync(cacheDown) },
    })
    const { id } = await world.upload({ title: 'A' })
    expect(await world.read(id)).toMatchObject({ title: 'A' })
    expect((await world.mediaport.changeMedia(id, { owner: EVERYONE, title: 'B' }))._unsafeUnwrap().title).toBe('B')
    expect(await world.read(id)).toMatchObject({ title: 'B' })
    expect((await world.mediaport.deleteMedia(id, { owner: EVERYONE })).isOk()).toBe(true)
    expect((await world.mediaport.readTitle(id, { owner: EVERYONE }))._unsafeUnwrapErr().type).toBe('not-found')
  })
})

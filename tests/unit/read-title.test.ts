import { errAsync, ResultAsync } from 'neverthrow'
import { describe, expect, it } from 'vitest'
import { unavailable } from '../../src/application/ports/unavailable.ts'
import { memoryPorts } from '../../src/main/memory-ports.ts'
import { down, over, world } from './world.ts'

const away = unavailable('titles')(new Error('away'))
const never = <T>(): ResultAsync<T, never> => new ResultAsync(new Promise(() => {}))

/** A world whose repository can be told to refuse reads, so that what is answered all the same came from the cache. */
function cached({ titles = memoryPorts().titles } = {}) {
  const state = { isDown: false }
  const at = world({
    ports: { titles },
    wrapMedia: (media) => over(media, { get: (id) => (state.isDown ? errAsync(down) : media.get(id)) }),
  })
  const read = async (id: string, owner?: string) => (await at.mediaport.readTitle(id, { owner }))._unsafeUnwrap()
  return { ...at, read, state }
}

describe('a title', () => {
  it('comes from the row and is in the cache from then on', async () => {
    const at = cached()
    const { id } = await at.upload({ title: 'A', tags: ['x'] })
    expect(await at.read(id)).toEqual({ id, title: 'A', tags: ['x'] })
    at.state.isDown = true
    expect(await at.read(id)).toEqual({ id, title: 'A', tags: ['x'] })
  })

  it('is new as soon as it was changed, and gone as soon as its media was deleted', async () => {
    const at = cached()
    const { id } = await at.upload({ title: 'A' })
    await at.read(id)
    await at.mediaport.changeMedia(id, { title: 'B' })
    at.state.isDown = true
    expect(await at.read(id)).toMatchObject({ title: 'B' })
    at.state.isDown = false
    await at.mediaport.deleteMedia(id)
    expect((await at.mediaport.readTitle(id))._unsafeUnwrapErr()).toEqual({ type: 'not-found' })
  })

  it('of another owner does not exist, cached or not', async () => {
    const at = cached()
    const { id } = await at.upload({ owner: 'a', title: 'A' })
    const stranger = async () => (await at.mediaport.readTitle(id, { owner: 'b' }))._unsafeUnwrapErr().type
    expect(await stranger()).toBe('not-found')
    expect(await at.read(id, 'a')).toMatchObject({ title: 'A' })
    expect(await stranger()).toBe('not-found')
    expect(await at.read(id)).toMatchObject({ title: 'A' })
  })

  it.each(['', 'x', '01A20712-704D-7006-B9DC-23E57664E313'])('of %j does not exist', async (id) => {
    expect((await cached().mediaport.readTitle(id))._unsafeUnwrapErr().type).toBe('not-found')
  })
})

describe.each([
  ['refuses', () => errAsync(away)],
  ['never answers', never],
])('a cache that %s', (_, answer) => {
  it('keeps no title from being read or changed, and no media from being deleted', async () => {
    const at = cached({
      titles: { put: answer, find: answer, remove: answer, list: () => errAsync(away) },
    })
    const { id } = await at.upload({ title: 'A' })
    expect(await at.read(id)).toMatchObject({ title: 'A' })
    expect((await at.mediaport.changeMedia(id, { title: 'B' }))._unsafeUnwrap().title).toBe('B')
    expect(await at.read(id)).toMatchObject({ title: 'B' })
    expect((await at.mediaport.deleteMedia(id)).isOk()).toBe(true)
    expect((await at.mediaport.readTitle(id))._unsafeUnwrapErr().type).toBe('not-found')
  })
})

import { describe, expect, it } from 'vitest'
import { EVERYONE } from '../../src/application/owner.ts'
import { inChunks, PNG } from '../samples.ts'
import { createWorld, type World } from './world.ts'

/** What a program passes that does not check its types. */
type Unchecked = { owner: never }

const CALLS: Record<string, (world: World, options: Unchecked) => unknown> = {
  uploadMedia: ({ mediaport }, options) =>
    mediaport.uploadMedia({ filename: 'a.png', body: inChunks(PNG), ...options }),
  getMedia: ({ mediaport }, options) => mediaport.getMedia(ID, options),
  listMedia: ({ mediaport }, options) => mediaport.listMedia(options),
  openContent: ({ mediaport }, options) => mediaport.openContent(ID, options),
  readTitle: ({ mediaport }, options) => mediaport.readTitle(ID, options),
  readMetadata: ({ mediaport }, options) => mediaport.readMetadata(ID, options),
  changeMedia: ({ mediaport }, options) => mediaport.changeMedia(ID, { title: 'A', ...options }),
  deleteMedia: ({ mediaport }, options) => mediaport.deleteMedia(ID, options),
}
const ID = '01a20712-704d-7006-b9dc-23e57664e313'

describe.each(Object.keys(CALLS))('%s', (name) => {
  it.each([undefined, null, '', 'a\0', 'x'.repeat(256), '\ud800', 7, {}])(
    'throws if the owner is %j',
    async (owner) => {
      const world = createWorld()
      expect(() => CALLS[name]?.(world, { owner } as Unchecked)).toThrow(TypeError)
      expect(await world.rows()).toEqual([])
    },
  )
})

it('An upload for EVERYONE throws', () => {
  expect(() => CALLS['uploadMedia']?.(createWorld(), { owner: EVERYONE } as unknown as Unchecked)).toThrow(TypeError)
})

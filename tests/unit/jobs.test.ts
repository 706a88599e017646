import { describe, expect, it } from 'vitest'
import { JOB_NAMES, jobsOf } from '../../src/application/jobs.ts'
import type { MediaEvent } from '../../src/domain/media/events.ts'
import { type Attempt, type MediaId, storageKey } from '../../src/domain/media/ids.ts'

const id = '01990000-0000-7000-8000-000000000000' as MediaId
const attempt = '0123456789abcdef' as Attempt
const leftover = { id, storage: 'filesystem', storageKey: storageKey(id, attempt) }
const discard = { name: 'discard-media', ...leftover }
const describeMedia = { name: 'describe-media', id, attempt, after: 0 }
const cacheTitle = { name: 'cache-title', id, after: 0 }

describe('after', () => {
  it.each<[MediaEvent, object[]]>([
    [{ type: 'media-stored', id, attempt }, [describeMedia, cacheTitle]],
    [{ type: 'media-changed', id }, [cacheTitle]],
    [{ type: 'media-abandoned', ...leftover }, [{ ...discard, after: 0 }]],
    [{ type: 'media-deleted', ...leftover }, [{ ...discard, after: 0 }, cacheTitle]],
    ...(['attempt-replaced', 'attempt-late'] as const).map((type): [MediaEvent, object[]] => [
      { type, ...leftover, fileId: 'file' },
      [
        { ...discard, fileId: 'file', after: 0 },
        { ...discard, fileId: 'file', after: 604_800 },
      ],
    ]),
    [
      { type: 'copy-started', ...leftover, seconds: 1200 },
      [
        { ...discard, after: 1200 },
        { ...discard, after: 606_000 },
      ],
    ],
  ])('$type', (event, jobs) => {
    expect(jobsOf(event, 604_800)).toStrictEqual(jobs)
    for (const { name } of jobsOf(event, 604_800)) expect(JOB_NAMES).toContain(name)
  })
})

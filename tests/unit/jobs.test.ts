import { describe, expect, it } from 'vitest'
import { JOB_NAMES, jobsOf } from '../../src/application/jobs.ts'
import type { MediaEvent } from '../../src/domain/media/events.ts'
import { type Attempt, type MediaId, storageKey } from '../../src/domain/media/ids.ts'

const id = '01990000-0000-7000-8000-000000000000' as MediaId
const attempt = '0123456789abcdef' as Attempt
const file = { id, storage: 'filesystem', storageKey: storageKey(id, attempt) }
const discard = { name: 'discard-media', ...file }
const describeMedia = { name: 'describe-media', id, attempt, afterSeconds: 0 }
const cacheTitle = { name: 'cache-title', id, afterSeconds: 0 }

describe('The jobs', () => {
  it.each<[MediaEvent, object[]]>([
    [{ type: 'media-stored', id, attempt }, [describeMedia, cacheTitle]],
    [{ type: 'media-changed', id }, [cacheTitle]],
    [{ type: 'media-abandoned', ...file }, [{ ...discard, afterSeconds: 0 }]],
    [{ type: 'media-deleted', ...file }, [{ ...discard, afterSeconds: 0 }, cacheTitle]],
    ...(['attempt-replaced', 'attempt-late'] as const).map((type): [MediaEvent, object[]] => [
      { type, ...file, fileId: 'file', writableSeconds: 604_800 },
      [
        { ...discard, fileId: 'file', afterSeconds: 0 },
        { ...discard, fileId: 'file', afterSeconds: 604_800 },
      ],
    ]),
    [
      { type: 'copy-started', ...file, decidedSeconds: 1200, writableSeconds: 604_800 },
      [
        { ...discard, afterSeconds: 1200 },
        { ...discard, afterSeconds: 606_000 },
      ],
    ],
  ])('of a $type event have a name and a delay', (event, jobs) => {
    expect(jobsOf(event)).toStrictEqual(jobs)
    for (const { name } of jobsOf(event)) expect(JOB_NAMES).toContain(name)
  })
})

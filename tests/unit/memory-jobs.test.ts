import { errAsync, okAsync } from 'neverthrow'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { MemoryJobs } from '../../src/adapters/memory/memory-jobs.ts'
import type { Job } from '../../src/application/jobs.ts'
import type { Attempt, MediaId, StorageKey } from '../../src/domain/media/ids.ts'
import { down } from './world.ts'

const id = '01990000-0000-7000-8000-000000000000' as MediaId
const attempt = '0123456789abcdef' as Attempt

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }))
afterEach(() => void vi.useRealTimers())

describe('MemoryJobs', () => {
  it('runs the jobs of events once each, when `run` is called', async () => {
    const [jobs, done] = [new MemoryJobs(), [] as Job['name'][]]
    const work = ({ name }: Job) => okAsync(void done.push(name))
    jobs.add(undefined, [{ type: 'media-stored', id, attempt }])
    expect(done).toEqual([])
    await jobs.run(work)
    await jobs.run(work)
    expect(done).toEqual(['describe-media', 'cache-title'])
  })

  it('runs no job before its delay has passed', async () => {
    const [jobs, work] = [new MemoryJobs(), vi.fn(() => okAsync(undefined))]
    const storageKey = `${id}.${attempt}` as StorageKey
    jobs.add(undefined, [{ type: 'attempt-replaced', id, storage: 'memory', storageKey, writableSeconds: 60 }])
    await jobs.run(work)
    vi.setSystemTime(Date.now() + 59_999)
    await jobs.run(work)
    expect(work).toHaveBeenCalledTimes(1)
    vi.setSystemTime(Date.now() + 1)
    await jobs.run(work)
    expect(work).toHaveBeenCalledTimes(2)
  })

  it('keeps jobs that fail with unavailable, and runs jobs that other jobs add', async () => {
    const jobs = new MemoryJobs()
    jobs.add(undefined, [{ type: 'media-changed', id }])
    await jobs.run(() => errAsync(down))
    const work = vi
      .fn(() => okAsync(undefined))
      .mockImplementationOnce(() => {
        jobs.add(undefined, [{ type: 'media-changed', id }])
        return okAsync(undefined)
      })
    await jobs.run(work)
    expect(work).toHaveBeenCalledTimes(2)
  })
})

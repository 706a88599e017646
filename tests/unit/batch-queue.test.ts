import { describe, expect, it } from 'vitest'
import { BatchQueue } from '../../src/application/batch-queue.ts'

class Refused extends Error {}

/** A queue whose runs end when the test says so. */
function opened(options: { maxItems?: number } = {}) {
  const runs: { readonly items: readonly string[]; readonly end: (error?: Error) => void }[] = []
  const queue = new BatchQueue<string, string>(
    (items) => {
      const ended = Promise.withResolvers<readonly string[]>()
      const outcomes = items.map((item) => item.toUpperCase())
      runs.push({ items, end: (error) => (error ? ended.reject(error) : ended.resolve(outcomes)) })
      return ended.promise
    },
    { maxItems: 100, ...options, isRefused: (error) => error instanceof Refused },
  )
  const started = (count: number) => expect.poll(() => runs.length).toBe(count)
  return { queue, runs, started }
}

describe('A batch queue', () => {
  it('starts a single item at once, without company', async () => {
    const { queue, runs, started } = opened()
    const a = queue.add('a')
    await started(1)
    runs[0]?.end()
    expect(await a).toBe('A')
  })

  it('runs together what waits at the same time, and gives each its own outcome', async () => {
    const { queue, runs, started } = opened()
    const a = queue.add('a')
    await started(1)
    const others = Promise.all([queue.add('b'), queue.add('c')])
    expect(runs).toHaveLength(1)
    runs[0]?.end()
    await started(2)
    expect(runs[1]?.items).toEqual(['b', 'c'])
    runs[1]?.end()
    expect(await a).toBe('A')
    expect(await others).toEqual(['B', 'C'])
  })

  it('settles no item before the run that contains it ends', async () => {
    const { queue, runs, started } = opened()
    let settled = false
    const a = queue.add('a').then(() => (settled = true))
    await started(1)
    expect(settled).toBe(false)
    runs[0]?.end()
    await a
    expect(settled).toBe(true)
  })

  it('runs at most so many items at once', async () => {
    const { queue, runs, started } = opened({ maxItems: 2 })
    const all = Promise.all(['a', 'b', 'c'].map((item) => queue.add(item)))
    await started(1)
    runs[0]?.end()
    await started(2)
    runs[1]?.end()
    expect(runs.map(({ items }) => items.join(''))).toEqual(['ab', 'c'])
    expect(await all).toEqual(['A', 'B', 'C'])
  })

  it('does not let a slow batch hold up the next one', async () => {
    const { queue, runs, started } = opened()
    const slow = queue.add('slow')
    await started(1)
    const next = queue.add('next')
    await started(2)
    runs[1]?.end()
    expect(await next).toBe('NEXT')
    runs[0]?.end()
    expect(await slow).toBe('SLOW')
  })

  it('runs each item alone once its batch was refused', async () => {
    const { queue, runs, started } = opened()
    const all = Promise.allSettled([queue.add('a'), queue.add('bad'), queue.add('c')])
    await started(1)
    runs[0]?.end(new Refused())
    await started(4)
    for (const { items, end } of runs) end(items[0] === 'bad' ? new Refused() : undefined)
    expect((await all).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  })

  it('repeats nothing after an error that leaves the outcome unknown, and goes on with the next batch', async () => {
    const { queue, runs, started } = opened()
    const all = Promise.allSettled([queue.add('a'), queue.add('b')])
    await started(1)
    runs[0]?.end(new Error('the connection broke'))
    expect((await all).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(runs).toHaveLength(1)
    const c = queue.add('c')
    await started(2)
    runs[1]?.end()
    expect(await c).toBe('C')
  })
})

import { describe, expect, it } from 'vitest'
import { BatchQueue } from '../../src/application/batch-queue.ts'

class Refused extends Error {}

/** Creates a queue whose runs end when the test calls `end`. */
function createQueue(options: { maxItems?: number } = {}) {
  const runs: { readonly items: readonly string[]; readonly end: (error?: Error) => void }[] = []
  const queue = new BatchQueue<string, string>(
    (items) => {
      const run = Promise.withResolvers<readonly string[]>()
      const outcomes = items.map((item) => item.toUpperCase())
      runs.push({ items, end: (error) => (error ? run.reject(error) : run.resolve(outcomes)) })
      return run.promise
    },
    { maxItems: 100, ...options, isRefused: (error) => error instanceof Refused },
  )
  const expectRuns = (count: number) => expect.poll(() => runs.length).toBe(count)
  return { queue, runs, expectRuns }
}

describe('A batch queue', () => {
  it('runs a single item at once and alone', async () => {
    const { queue, runs, expectRuns } = createQueue()
    const a = queue.add('a')
    await expectRuns(1)
    runs[0]?.end()
    expect(await a).toBe('A')
  })

  it('runs items that wait at the same time in one batch, and returns an outcome for each', async () => {
    const { queue, runs, expectRuns } = createQueue()
    const a = queue.add('a')
    await expectRuns(1)
    const others = Promise.all([queue.add('b'), queue.add('c')])
    expect(runs).toHaveLength(1)
    runs[0]?.end()
    await expectRuns(2)
    expect(runs[1]?.items).toEqual(['b', 'c'])
    runs[1]?.end()
    expect(await a).toBe('A')
    expect(await others).toEqual(['B', 'C'])
  })

  it('settles an item only when its run has ended', async () => {
    const { queue, runs, expectRuns } = createQueue()
    let settled = false
    const a = queue.add('a').then(() => (settled = true))
    await expectRuns(1)
    expect(settled).toBe(false)
    runs[0]?.end()
    await a
    expect(settled).toBe(true)
  })

  it('runs at most `maxItems` items in one batch', async () => {
    const { queue, runs, expectRuns } = createQueue({ maxItems: 2 })
    const all = Promise.all(['a', 'b', 'c'].map((item) => queue.add(item)))
    await expectRuns(1)
    runs[0]?.end()
    await expectRuns(2)
    runs[1]?.end()
    expect(runs.map(({ items }) => items.join(''))).toEqual(['ab', 'c'])
    expect(await all).toEqual(['A', 'B', 'C'])
  })

  it('starts the next batch while a slow one still runs', async () => {
    const { queue, runs, expectRuns } = createQueue()
    const slow = queue.add('slow')
    await expectRuns(1)
    const next = queue.add('next')
    await expectRuns(2)
    runs[1]?.end()
    expect(await next).toBe('NEXT')
    runs[0]?.end()
    expect(await slow).toBe('SLOW')
  })

  it('runs each item alone after its batch is refused', async () => {
    const { queue, runs, expectRuns } = createQueue()
    const all = Promise.allSettled([queue.add('a'), queue.add('bad'), queue.add('c')])
    await expectRuns(1)
    runs[0]?.end(new Refused())
    await expectRuns(4)
    for (const { items, end } of runs) end(items[0] === 'bad' ? new Refused() : undefined)
    expect((await all).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  })

  it('repeats no item after an error that leaves the outcome unknown, and runs the next batch', async () => {
    const { queue, runs, expectRuns } = createQueue()
    const all = Promise.allSettled([queue.add('a'), queue.add('b')])
    await expectRuns(1)
    runs[0]?.end(new Error('the connection broke'))
    expect((await all).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(runs).toHaveLength(1)
    const c = queue.add('c')
    await expectRuns(2)
    runs[1]?.end()
    expect(await c).toBe('C')
  })
})

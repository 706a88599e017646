export interface BatchOptions {
  /** How many items one batch has; at least 1. */
  readonly maxItems: number
  /**
   * Whether an error of `run` proves that the batch had no effect and that an item of it is the cause. Each item is then
   * run alone. By default no error proves that.
   */
  readonly isRefused?: (error: unknown) => boolean
}

/**
 * A batch that waits for a lock, or on a connection that broke, does not hold up the next one for longer than this. Until
 * then more items gather, which costs less than two small batches.
 */
const SLOW_MS = 100

/** Handles a batch: returns the outcome of each item, in the order of the items. */
export type RunBatch<Item, Outcome> = (items: readonly Item[]) => Promise<readonly Outcome[]>

/**
 * Lets calls that wait at the same time share one statement, request or commit. A call never waits for company: the next
 * batch starts as soon as the one before it ends, or has run for `SLOW_MS`, with all items that wait by then.
 *
 * An item settles only after the run that contained it. If the batch was refused, its items run alone, so that one bad
 * item does not fail the others. After any other error each item of the batch gets that error.
 *
 * @example
 * const queue = new BatchQueue(insertMany, { maxItems: 100 })
 * const [a, b] = await Promise.all([queue.add(rowA), queue.add(rowB)])
 */
export class BatchQueue<Item, Outcome> {
  readonly #run: RunBatch<Item, Outcome>
  readonly #options: BatchOptions
  readonly #waiting: Waiting<Item, Outcome>[] = []
  #isRunning = false

  constructor(run: RunBatch<Item, Outcome>, options: BatchOptions) {
    this.#run = run
    this.#options = options
  }

  /** Settles with the outcome of `item`. Rejects with the error of the run that contained it. */
  add(item: Item): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      // The first item waits until the end of the microtask queue for others that are added by then.
      if (this.#waiting.push({ item, resolve, reject }) === 1) queueMicrotask(() => this.#start())
    })
  }

  #start(): void {
    if (this.#isRunning || this.#waiting.length === 0) return
    this.#isRunning = true
    let isOver = false
    const next = () => {
      if (isOver) return
      isOver = true
      clearTimeout(timer)
      this.#isRunning = false
      this.#start()
    }
    const timer = setTimeout(next, SLOW_MS)
    void this.#settle(this.#waiting.splice(0, this.#options.maxItems)).finally(next)
  }

  async #settle(batch: readonly Waiting<Item, Outcome>[]): Promise<void> {
    try {
      const outcomes = await this.#run(batch.map(({ item }) => item))
      for (const [index, { resolve }] of batch.entries()) resolve(outcomes[index] as Outcome)
    } catch (error) {
      if (batch.length > 1 && this.#options.isRefused?.(error))
        await Promise.all(batch.map((each) => this.#settle([each])))
      else for (const { reject } of batch) reject(error)
    }
  }
}

interface Waiting<Item, Outcome> {
  readonly item: Item
  readonly resolve: (outcome: Outcome) => void
  readonly reject: (error: unknown) => void
}

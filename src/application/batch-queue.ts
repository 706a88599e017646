export interface BatchOptions {
  /** How many batches run at once; at least 1. */
  readonly maxConcurrent: number
  /** How many items one batch has; at least 1. */
  readonly maxItems: number
  /**
   * Whether an error of `run` proves that the batch had no effect and that an item of it is the cause. Each item is then
   * run alone. By default no error proves that.
   */
  readonly isRefused?: (error: unknown) => boolean
}

/** Handles a batch: returns the outcome of each item, in the order of the items. */
export type RunBatch<Item, Outcome> = (items: readonly Item[]) => Promise<readonly Outcome[]>

/**
 * Lets calls that wait at the same time share one statement, request or commit. A call never waits for company: a batch
 * starts as soon as fewer than `maxConcurrent` batches run, with all items that wait by then.
 *
 * An item settles only after the run that contained it. If the batch was refused, its items run alone, so that one bad
 * item does not fail the others. After any other error each item of the batch gets that error.
 *
 * @example
 * const queue = new BatchQueue(insertMany, { maxConcurrent: 2, maxItems: 100 })
 * const [a, b] = await Promise.all([queue.add(rowA), queue.add(rowB)])
 */
export class BatchQueue<Item, Outcome> {
  readonly #run: RunBatch<Item, Outcome>
  readonly #options: BatchOptions
  readonly #waiting: Waiting<Item, Outcome>[] = []
  #running = 0

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
    const { maxConcurrent, maxItems } = this.#options
    while (this.#waiting.length > 0 && this.#running < maxConcurrent) {
      this.#running++
      void this.#settle(this.#waiting.splice(0, maxItems)).finally(() => {
        this.#running--
        this.#start()
      })
    }
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

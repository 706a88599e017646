import { MemoryFileStorage } from '../../src/adapters/memory/memory-file-storage.ts'
import { MemoryMediaRepository } from '../../src/adapters/memory/memory-media-repository.ts'
import { MemoryMetadataStore } from '../../src/adapters/memory/memory-metadata-store.ts'
import { MemoryTitleCache } from '../../src/adapters/memory/memory-title-cache.ts'
import { type Job, jobsOf } from '../../src/application/jobs.ts'
import type { MediaEvent } from '../../src/domain/media/events.ts'
import type { Attempt, MediaId } from '../../src/domain/media/ids.ts'
import type { Media } from '../../src/domain/media/media.ts'
import { noJobsInMemory } from '../support/no-jobs.ts'
import { type Fault, isSlow, type Mode, methodOf, modesOf, type StorageKind } from './faults.ts'
import { FragileDisk } from './fragile-disk.ts'
import { Process } from './process.ts'
import { RowLocks } from './row-locks.ts'
import { SimulatedImagekit } from './simulated-imagekit.ts'
import { VirtualClock } from './virtual-clock.ts'

export interface QueuedJob {
  /** The job as the next process must do it. */
  job: Job
  dueAt: number
  claimedBy: Process | undefined
}

export interface FiredFault {
  readonly effect: string
  readonly mode: Mode
}

/** A fault that happened, and the number of its effect, counted from 0. */
export interface FiredAt extends FiredFault {
  readonly at: number
}

/** The state that survives processes: rows, jobs, files, documents and cached titles; and the processes that use it. */
export class World {
  readonly clock = new VirtualClock()
  readonly kind: StorageKind
  readonly media = new MemoryMediaRepository(noJobsInMemory)
  readonly locks = new RowLocks(this.clock)
  readonly jobs = new Set<QueuedJob>()
  readonly memoryStorage = new MemoryFileStorage()
  readonly disk = new FragileDisk()
  readonly imagekit = new SimulatedImagekit(this)
  readonly processes: Process[] = []

  /** All effects in order. */
  readonly effects: string[] = []
  readonly fired: FiredAt[] = []
  /** The faults that happened. A fault that ends its process is added again at that time. */
  readonly disturbances: FiredFault[] = []
  /** The media items whose row was removed. A new one may have the same id. */
  readonly forgotten = new Set<MediaId>()
  readonly trace: string[] = []
  readonly metadata = new MemoryMetadataStore()
  titles = new MemoryTitleCache()
  /** Whether the cache has lost its data. Only then may it lack titles. */
  titlesWereLost = false
  /** The ports that are down, by the first word of their methods. */
  readonly down = new Set<string>()
  /** The number of pending effects of mode `lands later`. */
  landing = 0
  readonly #faults: Fault[]
  readonly #isTraced: boolean
  #countdown: number
  #idCount = 0

  constructor(kind: StorageKind, faults: readonly Fault[], isTraced = false) {
    this.kind = kind
    this.#faults = [...faults]
    this.#isTraced = isTraced
    this.#countdown = faults[0]?.at ?? -1
    this.start()
  }

  start(): Process {
    const process = new Process(this, `p${this.processes.length + 1}`)
    this.processes.push(process)
    this.note(process.name, 'starts')
    return process
  }

  /** The process that receives requests: the newest one that answers. */
  get front(): Process {
    return this.processes.findLast((each) => each.answers) ?? this.start()
  }

  /** Ends `process`. Another process takes over. */
  kill(process: Process): void {
    this.note(process.name, 'dies')
    process.end()
    for (const job of this.jobs) if (job.claimedBy === process) job.claimedBy = undefined
    if (!this.processes.some((each) => each.answers)) this.start()
  }

  loseTitles(): void {
    this.titles = new MemoryTitleCache()
    this.titlesWereLost = true
  }

  cutPower(): void {
    this.note('all', 'lose power')
    for (const each of this.processes) each.end()
    for (const job of this.jobs) job.claimedBy = undefined
    this.disk.losePower()
    this.start()
  }

  enqueue(job: Job): void {
    this.jobs.add({ job, dueAt: this.clock.now + job.afterSeconds * 1000, claimedBy: undefined })
  }

  /** Counts an effect and returns the mode of its fault, if it has one. */
  arrive(effect: string, process: Process): Mode | undefined {
    this.effects.push(effect)
    if (this.down.size > 0 && this.down.has(methodOf(effect).replace(/\..*/, ''))) return 'refused'
    const mode = this.#due(effect)
    if (mode === undefined) {
      this.note(process.name, effect)
      return undefined
    }
    this.#faults.shift()
    this.#countdown = this.#faults[0]?.at ?? -1
    this.fired.push({ effect, mode, at: this.effects.length - 1 })
    this.disturbances.push({ effect, mode })
    this.note(process.name, `${effect}: ${mode.toUpperCase()}`)
    return mode
  }

  /**
   * The mode of the next fault, if it is due. If it does not apply to this effect, it waits for the next effect to
   * which it applies.
   */
  #due(effect: string): Mode | undefined {
    const [fault] = this.#faults
    if (!fault || this.#countdown-- > 0) return undefined
    const modes = modesOf(effect, this.kind)
    const mode = typeof fault.mode === 'number' ? modes[fault.mode % modes.length] : fault.mode
    return mode !== undefined && modes.includes(mode) ? mode : undefined
  }

  note(who: string, what: string): void {
    if (this.#isTraced) this.trace.push(`${(this.clock.now / 1000).toFixed(2).padStart(6)} s  ${who}  ${what}`)
  }

  /**
   * Returns ids that are the same in every run. Attempts have few different endings, so that their files share folders.
   */
  newId(): MediaId {
    return `01890000-0000-7000-8000-${String(++this.#idCount).padStart(12, '0')}` as MediaId
  }

  newAttempt(): Attempt {
    const n = ++this.#idCount
    return `${String(n).padStart(14, '0')}0${n % 2}` as Attempt
  }

  async rows(): Promise<readonly Media[]> {
    return (await this.media.scan(undefined, 1000))._unsafeUnwrap()
  }

  /** All files by storage key, unfinished ones included. */
  async files(): Promise<Map<string, Uint8Array>> {
    const found = new Map([...this.imagekit.files].map(([name, { bytes }]) => [name, bytes]))
    for (const [name, bytes] of this.disk.files()) found.set(name, bytes)
    for (const { key } of (await this.memoryStorage.list())._unsafeUnwrap())
      for await (const bytes of (await this.memoryStorage.open(key))._unsafeUnwrap()) found.set(key, bytes)
    return found
  }

  /** Whether a fault has delayed other processes. */
  get wasSlow(): boolean {
    return this.fired.some(({ mode }) => isSlow(mode) || mode === 'lands later')
  }

  /** Publishes the events of a transaction. If it throws, the transaction is rolled back. */
  publish(process: Process, events: readonly MediaEvent[]): void {
    if (events.length === 0) return
    const mode = this.arrive(`${process.task} jobs.publish`, process)
    if (mode === 'crash before') this.kill(process)
    if (mode !== undefined) throw new Error('rolled back')
    for (const job of events.flatMap(jobsOf)) this.enqueue(job)
  }
}

/** Faults of a projection store may delay titles and documents, but affect nothing else. */
export const touchesProjectionOnly = ({ effect, mode }: FiredFault): boolean =>
  /^(metadata|titles)\./.test(methodOf(effect)) &&
  (mode === 'refused' || mode === 'answer lost' || mode === 'lands later')

import { MemoryFileStorage } from '../../src/adapters/memory/memory-file-storage.ts'
import { MemoryMetadataStore } from '../../src/adapters/memory/memory-metadata-store.ts'
import { MemoryTitleCache } from '../../src/adapters/memory/memory-title-cache.ts'
import type { Job } from '../../src/application/jobs.ts'
import type { Mediaport } from '../../src/application/mediaport.ts'
import type { Identity } from '../../src/application/ports/identity.ts'
import type { Attempt, MediaId } from '../../src/domain/media/ids.ts'
import type { Media } from '../../src/domain/media/media.ts'
import { type Fault, type FiredFault, type Mode, methodOf, modesOf, type StorageKind } from './faults.ts'
import { FragileDisk } from './fragile-disk.ts'
import { LockedRows } from './locked-rows.ts'
import { Process } from './process.ts'
import { SimulatedImagekit } from './simulated-imagekit.ts'
import { VirtualClock } from './virtual-clock.ts'

export interface QueuedJob {
  readonly job: Job
  dueAt: number
  /** Another process takes over the job of one that is paused or dead. */
  claimedBy: Process | undefined
}

/** Starts the server and the worker of a new process. */
export type Boot = (process: Process, world: World) => Mediaport

/** The state that survives processes: rows, jobs, files, documents and cached titles; and the processes that use it. */
export class World {
  readonly clock = new VirtualClock()
  readonly kind: StorageKind
  readonly media = new LockedRows(this.clock)
  readonly jobs = new Set<QueuedJob>()
  readonly memoryStorage = new MemoryFileStorage()
  readonly disk = new FragileDisk()
  readonly imagekit = new SimulatedImagekit(this.clock)
  readonly metadata = new MemoryMetadataStore()
  titles = new MemoryTitleCache()
  /** Whether the cache has lost its data. Only then may it lack titles. */
  titlesWereLost = false
  readonly processes: Process[] = []

  /** All effects in order. */
  readonly effects: string[] = []
  readonly fired: FiredFault[] = []
  /** The faults that happened. A fault that ends its process is added again at that time. */
  readonly disturbances: FiredFault[] = []
  /** The ports that are down, by the first word of their methods. */
  readonly down = new Set<string>()
  /** The number of pending effects of mode `lands later`. */
  landing = 0
  readonly #boot: Boot
  readonly #faults: readonly Fault[]
  readonly #log: ((line: string) => void) | undefined
  #idCount = 0

  constructor(kind: StorageKind, faults: readonly Fault[], boot: Boot, log?: (line: string) => void) {
    this.kind = kind
    this.#boot = boot
    this.#faults = faults
    this.#log = log
    this.front()
  }

  /** Returns the process that receives requests: the newest one that answers. Starts one if there is none. */
  front(): Process {
    const newest = this.processes.findLast((each) => each.answers)
    if (newest) return newest
    const process = new Process(`p${this.processes.length + 1}`, this.clock, (it) => this.#boot(it, this))
    this.processes.push(process)
    this.note(process.name, 'starts')
    return process
  }

  /** Ends `process`. Another process takes over. */
  kill(process: Process): void {
    this.note(process.name, 'dies')
    process.end()
    this.front()
  }

  /** Pauses `process` as SIGSTOP does. Another process takes over. */
  async pause(process: Process, durationMs: number): Promise<void> {
    process.pausedUntil = this.clock.now + durationMs
    this.front()
    await this.clock.sleep(durationMs)
    this.note(process.name, 'continues')
    await process.untilRunning()
  }

  cutPower(): void {
    this.note('all', 'lose power')
    for (const each of this.processes) each.end()
    this.disk.losePower()
    this.front()
  }

  loseTitles(): void {
    this.titles = new MemoryTitleCache()
    this.titlesWereLost = true
  }

  enqueue(job: Job): void {
    this.jobs.add({ job, dueAt: this.clock.now + job.afterSeconds * 1000, claimedBy: undefined })
  }

  /** Counts an effect and returns the mode of its fault, if it has one. */
  arrive(effect: string, process: Process): Mode | undefined {
    this.effects.push(effect)
    if (this.down.size > 0 && this.down.has(methodOf(effect).replace(/\..*/, ''))) return 'refused'
    const mode = this.#due(effect)
    this.note(process.name, mode === undefined ? effect : `${effect}: ${mode.toUpperCase()}`)
    if (mode === undefined) return undefined
    const fault = { effect, mode, at: this.effects.length - 1 }
    this.fired.push(fault)
    this.disturbances.push(fault)
    return mode
  }

  /** The mode of the next fault, if it is due. A fault waits for an effect to which it applies. */
  #due(effect: string): Mode | undefined {
    const fault = this.#faults[this.fired.length]
    const previousAt = this.fired.at(-1)?.at ?? -1
    if (!fault || this.effects.length - 1 <= previousAt + fault.at) return undefined
    const modes = modesOf(effect, this.kind)
    const mode = typeof fault.mode === 'number' ? modes[fault.mode % modes.length] : fault.mode
    return mode !== undefined && modes.includes(mode) ? mode : undefined
  }

  note(who: string, what: string): void {
    this.#log?.(`${(this.clock.now / 1000).toFixed(2).padStart(6)} s  ${who}  ${what}`)
  }

  /** Ids that are the same in every run. Attempts have two different endings, so that their files share folders. */
  readonly identity: Identity = {
    newId: () => `01890000-0000-7000-8000-${String(++this.#idCount).padStart(12, '0')}` as MediaId,
    newAttempt: () => `${String(++this.#idCount).padStart(14, '0')}0${this.#idCount % 2}` as Attempt,
  }

  async rows(): Promise<readonly Media[]> {
    return (await this.media.scan(undefined, 1000))._unsafeUnwrap()
  }

  /** All files by storage key, unfinished ones included. */
  async files(): Promise<Map<string, Uint8Array>> {
    const found = new Map([...this.imagekit.files, ...this.disk.files()].map(([name, { bytes }]) => [name, bytes]))
    for (const { key } of (await this.memoryStorage.list())._unsafeUnwrap())
      for await (const bytes of (await this.memoryStorage.open(key))._unsafeUnwrap()) found.set(key, bytes)
    return found
  }
}

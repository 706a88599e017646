import { AsyncLocalStorage } from 'node:async_hooks'
import { createMediaport, type Mediaport } from '../../src/application/mediaport.ts'
import { LANDS_AFTER, LONG_PAUSE, type Mode, PAUSE } from './faults.ts'
import { portsOf } from './simulated-ports.ts'
import type { TimerOwner } from './virtual-clock.ts'
import type { QueuedJob, World } from './world.ts'

const LEASE_SECONDS = 2
/** A copy may take ten of them, which a long pause is to outlast. */
const LEASE_OF_COPIES = 1
export const FORGET_AFTER_SECONDS = 3
const CYCLE = 1_000

interface Doing {
  readonly process: Process
  readonly task: string
}

const doing = new AsyncLocalStorage<Doing>()

/** The process on whose behalf the code runs just now. */
export const running = (): Process | undefined => doing.getStore()?.process

/** One server with its worker. Every effect it has on the world passes through `effect`, where it can be made to fail. */
export class Process implements TimerOwner {
  readonly name: string
  readonly mediaport: Mediaport
  /** Settles when it dies. */
  readonly death = Promise.withResolvers<'reset'>()
  alive = true
  pausedUntil = 0
  readonly #world: World

  constructor(world: World, name: string) {
    this.#world = world
    this.name = name
    const leaseSeconds = world.kind === 'moving' ? LEASE_OF_COPIES : LEASE_SECONDS
    const policy = { leaseSeconds, forgetAfterSeconds: FORGET_AFTER_SECONDS, storageTimeoutSeconds: 5 }
    this.mediaport = createMediaport(portsOf(this, world), policy)
    world.clock.every(CYCLE, () => this.#cycle(), this)
  }

  get answers(): boolean {
    return this.alive && this.pausedUntil <= this.#world.clock.now
  }

  /** What it does just now, for the names of effects. */
  get task(): string {
    return doing.getStore()?.task ?? 'nothing'
  }

  do<T>(task: string, run: () => T): T {
    return doing.run({ process: this, task }, run)
  }

  end(): void {
    this.alive = false
    this.death.resolve('reset')
  }

  /**
   * @param run does it; a transaction calls `pause` before it commits.
   * @param failed what the caller gets when it is told that the effect failed; may throw.
   */
  async effect<T>(
    method: string,
    run: (pause?: () => Promise<void>) => PromiseLike<T> | T,
    failed: (mode: Mode) => T,
    torn?: () => void,
  ): Promise<T> {
    await (this.answers || this.#turn())
    const { clock } = this.#world
    const effect = `${this.task} ${method}`
    const mode = this.#world.arrive(effect, this)
    const { disturbances } = this.#world
    switch (mode) {
      case undefined:
        return this.#answer(run)
      case 'crash before':
        return this.#die()
      case 'crash after':
        await run()
        disturbances.push({ effect, mode })
        return this.#die()
      case 'torn':
        torn?.()
        return this.#die()
      case 'refused':
      case 'rolled back':
        return failed(mode)
      case 'answer lost':
        await run()
        return failed(mode)
      case 'lands later':
        this.#world.landing++
        clock.at(LANDS_AFTER, () => {
          this.#world.note(this.name, `${method} lands`)
          this.#world.landing--
          void run()
        })
        return failed(mode)
      case 'late':
      case 'very late':
        await this.pause(mode === 'late' ? PAUSE : LONG_PAUSE)
        return this.#answer(run)
      case 'late, holding locks':
        return this.#answer(() => run(() => this.pause(PAUSE)))
      case 'late, cache lost':
        await this.pause(PAUSE)
        this.#world.loseTitles()
        return this.#answer(run)
      case 'late, then dead':
        await this.pause(PAUSE)
        await run()
        disturbances.push({ effect, mode })
        return this.#die()
      case 'power cut before':
        this.#world.cutPower()
        return this.#die()
      case 'power cut after':
        await run()
        disturbances.push({ effect, mode })
        this.#world.cutPower()
        return this.#die()
    }
  }

  /** As `effect`, but what was read is old by the time that it is used. */
  async read<T>(method: string, run: () => PromiseLike<T> | T, failed: () => T): Promise<T> {
    await (this.answers || this.#turn())
    const mode = this.#world.arrive(`${this.task} ${method}`, this)
    if (mode === 'crash before') return this.#die()
    if (mode === 'refused') return failed()
    const answer = await run()
    if (mode !== undefined) await this.pause(mode === 'late' ? PAUSE : LONG_PAUSE)
    await (this.answers || this.#turn())
    return answer
  }

  async #answer<T>(run: () => PromiseLike<T> | T): Promise<T> {
    const answer = await run()
    await (this.answers || this.#turn())
    return answer
  }

  /** Waits while it is paused; for ever when it is dead. Not to ask for it where it `answers` saves time at every effect. */
  async #turn(): Promise<void> {
    const { clock } = this.#world
    while (this.pausedUntil > clock.now) await clock.sleep(this.pausedUntil - clock.now)
    if (!this.alive) return this.#never()
  }

  #die(): Promise<never> {
    if (this.alive) this.#world.kill(this)
    return this.#never()
  }

  #never(): Promise<never> {
    return new Promise(() => {})
  }

  /** Stops as if by SIGSTOP; another takes its place. */
  async pause(length: number): Promise<void> {
    const world = this.#world
    this.pausedUntil = world.clock.now + length
    // Others take over what it was doing.
    for (const job of world.jobs) if (job.claimedBy === this) job.claimedBy = undefined
    if (!world.processes.some((each) => each.answers)) world.start()
    await world.clock.sleep(length)
    world.note(this.name, 'wakes')
    if (!this.alive) await this.#never()
  }

  #cycle(): void {
    void this.do('reap', () => this.mediaport.reapUploads())
    for (const queued of this.#world.jobs)
      if (queued.claimedBy === undefined && queued.dueAt <= this.#world.clock.now) {
        queued.claimedBy = this
        void this.do(queued.job.name, () => this.#work(queued))
      }
  }

  async #work(queued: QueuedJob): Promise<void> {
    const done = await this.mediaport.work(queued.job)
    const noted = done.isOk() && (await this.effect('jobs.done', () => this.#world.jobs.delete(queued), no))
    if (noted || queued.claimedBy !== this) return
    queued.claimedBy = undefined
    queued.dueAt = this.#world.clock.now + CYCLE
  }
}

const no = (): boolean => false

import { type Fault, type Mode, modesOf, STORAGE_KINDS, type StorageKind } from './faults.ts'
import { type History, play } from './history.ts'
import type { Outcome } from './play-all.ts'

/** A reproducible history. */
export interface Plan {
  readonly storage: StorageKind
  readonly faults: readonly Fault[]
}

/** One effect of the scenario and one of its faults. */
export interface Point extends Plan {
  readonly effect: string
  readonly mode: Mode
}

/**
 * Whether all faults of the point happened, and the last one at its place. If an effect is not the planned one, the
 * fault waits for an effect to which it applies, or never happens. Then another history was played.
 */
export function wasPlayed({ effect, mode, faults }: Point, { fired }: Pick<History, 'fired'>): boolean {
  const last = fired.at(-1)
  const at = faults.reduce((before, fault) => before + 1 + fault.at, -1)
  return fired.length === faults.length && last?.effect === effect && last.mode === mode && last.at === at
}

/** The faults that happened, as text. */
export const format = ({ storage, fired }: Pick<History, 'storage' | 'fired'>): string =>
  `${storage}: ${fired.map(({ effect, mode }) => `${effect}: ${mode}`).join(', then ') || 'no fault'}`

/** An effect and the number of its first occurrence in the history, counted from 0. */
export interface Reached {
  readonly effect: string
  readonly at: number
}

export interface Enumeration {
  readonly points: readonly Point[]
  /** The scenario without faults, for each storage. */
  readonly undisturbed: Readonly<Record<StorageKind, History>>
}

/** Plays the scenario without faults and combines each of its effects with each mode that applies to it. */
export async function enumerate(): Promise<Enumeration> {
  const undisturbed = {
    memory: await play('memory', []),
    filesystem: await play('filesystem', []),
    imagekit: await play('imagekit', []),
    moving: await play('moving', []),
  }
  const points = STORAGE_KINDS.flatMap((storage) =>
    undisturbed[storage].effects.flatMap((effect, at) =>
      modesOf(effect, storage).map((mode) => ({ storage, effect, mode, faults: [{ at, mode }] })),
    ),
  )
  return { points, undisturbed }
}

/** Makes points for effects that occur only after a fault. Their faults follow those that led to them. */
export class Coverage {
  readonly #reached: Set<string>

  constructor({ undisturbed }: Enumeration) {
    this.#reached = new Set(
      Object.values(undisturbed).flatMap(({ storage, effects }) => effects.map((effect) => `${storage}: ${effect}`)),
    )
  }

  /** The points of the effects that no earlier history has reached. */
  pointsOf({ storage, fired, effects }: Outcome): Point[] {
    const isNew = ({ effect }: Reached): boolean => !this.#reached.has(`${storage}: ${effect}`)
    return effects.filter(isNew).flatMap(({ effect, at }) => {
      this.#reached.add(`${storage}: ${effect}`)
      const before = fired.filter((fault) => fault.at < at)
      return modesOf(effect, storage).map((mode) => ({
        storage,
        effect,
        mode,
        faults: [...before, { at, mode }].map((fault, n) => ({
          at: fault.at - (before[n - 1]?.at ?? -1) - 1,
          mode: fault.mode,
        })),
      }))
    })
  }
}

/**
 * Two faults, the second one while other processes clean up after the first one. The same seed gives the same faults.
 */
export function pairOf(seed: number, { undisturbed }: Enumeration): Plan {
  let state = (Math.imul(seed + 1, 0x9e3779b1) ^ 0x5bd1e995) >>> 0 || 1
  const draw = (below: number): number => {
    // xorshift32 (Marsaglia, 2003)
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state % below
  }
  for (let n = 0; n < 8; n++) draw(2)
  const storage = STORAGE_KINDS[draw(STORAGE_KINDS.length)] ?? 'memory'
  const first = { at: draw(undisturbed[storage].effects.length), mode: draw(10_000) }
  // The cleanup is short, so the second fault must follow soon.
  const second = { at: draw(draw(2) === 0 ? 12 : 80), mode: draw(10_000) }
  return { storage, faults: [first, second] }
}

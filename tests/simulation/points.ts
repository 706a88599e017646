import { noise } from '../samples.ts'
import { type Fault, modesOf, STORAGE_KINDS, type StorageKind } from './faults.ts'
import { type History, play } from './history.ts'

/** A reproducible history. */
export interface Plan {
  readonly storage: StorageKind
  readonly faults: readonly Fault[]
  /** The effect at which the last fault must happen. Such a plan is a point: one effect and one of its faults. */
  readonly effect?: string
}

/** The scenario without faults, for each storage. */
export type Undisturbed = readonly History[]

export async function playUndisturbed(): Promise<Undisturbed> {
  const histories: History[] = []
  for (const storage of STORAGE_KINDS) histories.push(await play(storage, []))
  return histories
}

/** Combines each effect of the scenario with each mode that applies to it. */
export const pointsOf = (undisturbed: Undisturbed): Plan[] =>
  undisturbed.flatMap(({ storage, effects }) =>
    effects.flatMap((effect, at) =>
      modesOf(effect, storage).map((mode) => ({ storage, effect, faults: [{ at, mode }] })),
    ),
  )

/** The points of an effect that occurs only after faults. They follow the faults that led to it. */
export function pointsAfter(
  { storage, fired }: Pick<History, 'storage' | 'fired'>,
  effect: string,
  at: number,
): Plan[] {
  const before = fired.filter((fault) => fault.at < at)
  return modesOf(effect, storage).map((mode) => ({
    storage,
    effect,
    faults: [...before, { at, mode }].map((fault, n) => ({
      at: fault.at - (before[n - 1]?.at ?? -1) - 1,
      mode: fault.mode,
    })),
  }))
}

/**
 * Whether all faults happened, and the last one of a point at its place. If an effect is not the planned one, the fault
 * waits for an effect to which it applies, or never happens. Then another history was played.
 */
export function wasPlayed({ effect, faults }: Plan, { fired }: Pick<History, 'fired'>): boolean {
  if (fired.length !== faults.length) return false
  if (effect === undefined) return true
  const [fault, last] = [faults.at(-1), fired.at(-1)]
  const at = faults.reduce((before, { at }) => before + 1 + at, -1)
  return last?.effect === effect && last.mode === fault?.mode && last.at === at
}

/** Pairs of faults, the second one while others clean up after the first one. They are the same in every run. */
export const pairsOf = (count: number, undisturbed: Undisturbed): Plan[] =>
  Array.from({ length: count }, (_, seed) => pairOf(seed, undisturbed))

function pairOf(seed: number, undisturbed: Undisturbed): Plan {
  const random = noise(24, `pair ${seed}`)
  const draw = (n: number, below: number): number => random.readUInt32LE(n * 4) % below
  const { storage, effects } = undisturbed[draw(0, undisturbed.length)] ?? { storage: 'memory', effects: [] }
  const first = { at: draw(1, effects.length), mode: draw(2, 10_000) }
  // The cleanup is short, so the second fault must follow soon.
  const second = { at: draw(3, draw(4, 2) === 0 ? 12 : 80), mode: draw(5, 10_000) }
  return { storage, faults: [first, second] }
}

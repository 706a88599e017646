import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Outcome, playAll } from './play-all.ts'
import { type enumerate as Enumerate, format, type pairOf as PairOf } from './points.ts'
import { PROMISES } from './promises.ts'

/** The removal of one protection from the code. */
interface Mutant {
  readonly without: string
  readonly file: string
  /** The replacements. Each text must occur exactly once. */
  readonly edits: readonly (readonly [from: string, to: string])[]
}

const MUTANTS: readonly Mutant[] = [
  {
    without: 'the attempt from the fence',
    file: 'src/domain/media/transitions.ts',
    edits: [["media.state === 'receiving' && media.attempt === attempt", "media.state === 'receiving'"]],
  },
  {
    without: 'the abandon-if-mine after an unknown commit',
    file: 'src/application/upload/upload-media.ts',
    edits: [
      [
        ".orElse((error) => abandon(row, ref, toUnavailable(error), { type: 'outcome-unknown', cause: causeOf(error) }))",
        ".orElse(() => storage.delete(row.storageKey).andThen(() => errAsync({ type: 'outcome-unknown', cause: undefined })))",
      ],
    ],
  },
  {
    without: 'the row before the bytes',
    file: 'src/application/upload/upload-media.ts',
    edits: [
      [
        'const started = await start(intent.value, upload.key)',
        "const started = upload.key ? await start(intent.value, upload.key) : ok({ ...intent.value, state: 'receiving' })",
      ],
      [
        'if (contents.isErr()) return abandon<E>(row, ref, contents.error)',
        'if (contents.isErr()) return abandon<E>(row, ref, contents.error)\n    if (!upload.key) await start(row, upload.key)',
      ],
    ],
  },
  {
    without: 'the fsync of the file',
    file: 'src/adapters/filesystem/filesystem-file-storage.ts',
    edits: [['        await file.sync()\n', '']],
  },
  {
    without: 'the fsync of the folder',
    file: 'src/adapters/filesystem/filesystem-file-storage.ts',
    edits: [
      [
        'await this.#disk.rename(unfinished, path)\n      await this.#syncFolder(dirname(path))',
        'await this.#disk.rename(unfinished, path)',
      ],
    ],
  },
  {
    without: 'the key from the check in discard',
    file: 'src/domain/media/media.ts',
    edits: [['!isDiscardable(media) && media.storageKey === key', '!isDiscardable(media)']],
  },
  {
    without: 'the second discard',
    file: 'src/application/upkeep/reap-uploads.ts',
    edits: [['await discardMedia(row)', 'row.discardedAt ? ok() : await discardMedia(row)']],
  },
  {
    without: "the discard of the old attempt's key",
    file: 'src/application/jobs.ts',
    edits: [['[discard(event, 0), discard(event, event.writableSeconds)]', '[discard(event, event.writableSeconds)]']],
  },
  {
    without: 'the later repetition of that discard',
    file: 'src/application/jobs.ts',
    edits: [['[discard(event, 0), discard(event, event.writableSeconds)]', '[discard(event, 0)]']],
  },
  {
    without: 'the renewal of the lease',
    file: 'src/application/upload/lease.ts',
    edits: [
      ['await media.renew(receiving.id, receiving.attempt, leaseSeconds)', '{ isOk: () => true, error: undefined }'],
    ],
  },
  {
    without: 'the version guard of the cache',
    file: 'src/adapters/memory/memory-title-cache.ts',
    edits: [['if (version < title.version)', '']],
  },
  {
    without: 'the second read of the row after its title was cached',
    file: 'src/application/projections/cache-title.ts',
    edits: [['row.version === cachedVersion', 'cachedVersion !== undefined']],
  },
  {
    without: 'the second read of the row after its file was described',
    file: 'src/application/projections/describe-media.ts',
    edits: [
      ['if (document) yield* save(row, document)', 'if (document) yield* save(row, document)\n        return ok()'],
    ],
  },
  {
    without: 'the removal of the document with the bytes',
    file: 'src/application/upkeep/discard-media.ts',
    edits: [["if (row?.state === 'deleted') yield* metadata.remove(id, row.attempt)", '']],
  },
  {
    without: "the storage's own file id from the discard",
    file: 'src/application/upkeep/discard-media.ts',
    edits: [['storage.delete(storageKey, fileId)', 'storage.delete(storageKey)']],
  },
  {
    without: 'the report of a late file',
    file: 'src/application/upload/abandon-upload.ts',
    edits: [['if (abandoned.isErr()) await reportLate(row, file)', '']],
  },
  {
    without: 'the event of a copy before its first byte',
    file: 'src/domain/media/transitions.ts',
    edits: [
      [
        "events: [{ type: 'copy-started', ...copy, decidedSeconds, writableSeconds: forgetAfterSeconds }]",
        'events: []',
      ],
    ],
  },
  {
    without: 'the discard of a moved file',
    file: 'src/domain/media/transitions.ts',
    edits: [
      [
        "{ type: 'media-changed', id: media.id },\n      { type: 'attempt-replaced', ...fileRef(media), writableSeconds: forgetAfterSeconds },",
        "{ type: 'media-changed', id: media.id },",
      ],
    ],
  },
  {
    without: 'the read of the row before a discard',
    file: 'src/application/upkeep/discard-media.ts',
    edits: [['if (row && needsFile(row, storageKey)) return ok()', '']],
  },
  {
    without: 'the single runs after a refused batch',
    file: 'src/application/batch-queue.ts',
    edits: [['this.#options.isRefused?.(error)', 'false']],
  },
  {
    without: 'the outcome of each item of a batch',
    file: 'src/application/batch-queue.ts',
    edits: [['resolve(outcomes[index] as Outcome)', 'resolve(outcomes[0] as Outcome)']],
  },
  // For PostgreSQL these two are in row-batches.ts and kysely-media-repository.ts. The simulation has its own versions.
  {
    without: 'the wait for the commit of a batch',
    file: 'tests/simulation/row-transactions.ts',
    edits: [
      ['return committed(session, free, () => {', 'committed(session, free, () => {'],
      ['      return outcomes\n    })', '    }).catch(() => undefined)\n    return outcomes'],
    ],
  },
  {
    without: 'the single run of a row that a batch skipped',
    file: 'tests/simulation/simulated-repository.ts',
    edits: [['return alone ?? err(NOT_FOUND)', 'return err(NOT_FOUND)']],
  },
]

const ROOT = resolve(import.meta.dirname, '../..')
const ENOUGH = 3
/** Pairs find the mutants that points alone do not find. */
const PAIRS = 2000

let found = 0
const only = process.argv[2]
const chosen = MUTANTS.filter(({ without }) => only === undefined || without.includes(only))
if (chosen.length === 0) {
  console.error(
    `No mutant has ${only} in its name. The mutants are:\n${MUTANTS.map(({ without }) => `  ${without}`).join('\n')}`,
  )
  process.exit(2)
}
for (const mutant of chosen) {
  const histories = await findings(mutant)
  const promises = Map.groupBy(histories, (outcome) => outcome.broken?.promise)
  console.log(`\nwithout ${mutant.without}: ${histories.length < ENOUGH ? 'NOT FOUND' : 'found'}`)
  for (const [promise, broken] of promises)
    if (promise) {
      console.log(`  ${promise} ${PROMISES[promise]}`)
      for (const outcome of broken) console.log(`    ${format(outcome)}\n      ${outcome.broken?.what}`)
    }
  if (histories.length >= ENOUGH) found++
}
console.log(`\n${found} of ${chosen.length} mutants found`)
if (found < chosen.length) process.exitCode = 1

/** The first histories in which the mutant breaks a promise. */
async function findings({ file, edits }: Mutant): Promise<Outcome[]> {
  const root = await mkdtemp(join(tmpdir(), 'mediaport-mutant-'))
  try {
    for (const part of ['package.json', 'src', 'tests/samples.ts', 'tests/support', 'tests/simulation'])
      await cp(join(ROOT, part), join(root, part), { recursive: true })
    await symlink(join(ROOT, 'node_modules'), join(root, 'node_modules'))
    let source = await readFile(join(root, file), 'utf8')
    for (const [from, to] of edits) {
      if (source.split(from).length !== 2) throw new Error(`${file} does not contain this text exactly once: ${from}`)
      source = source.replace(from, () => to)
    }
    await writeFile(join(root, file), source)

    const module: unknown = await import(pathToFileURL(join(root, 'tests/simulation/points.ts')).href)
    const { enumerate, pairOf } = module as { enumerate: typeof Enumerate; pairOf: typeof PairOf }
    const enumeration = await enumerate()
    const pairs = Array.from({ length: PAIRS }, (_, seed) => pairOf(seed, enumeration))
    const broken: Outcome[] = []
    const onOutcome = (_: number, outcome: Outcome): boolean => {
      if (outcome.broken) broken.push(outcome)
      return broken.length < ENOUGH
    }
    await playAll([...enumeration.points, ...pairs], { root, onOutcome })
    return broken
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}

/** The replacement of a text, which must occur exactly once in its file. */
export type Edit = readonly [from: string, to: string]

/** The protections of the code. The edits remove one of them from its file, which makes a mutant. */
export const PROTECTIONS: Record<string, readonly [file: string, ...Edit[]]> = {
  'the attempt from the fence': [
    'src/domain/media/transitions.ts',
    ["media.state === 'receiving' && media.attempt === attempt", "media.state === 'receiving'"],
  ],
  'the abandon-if-mine after an unknown commit': [
    'src/application/upload/upload-media.ts',
    [
      ".orElse((error) => abandon(row, ref, toUnavailable(error), { type: 'outcome-unknown', cause: causeOf(error) }))",
      ".orElse(() => storage.delete(row.storageKey).andThen(() => errAsync({ type: 'outcome-unknown', cause: undefined })))",
    ],
  ],
  'the row before the bytes': [
    'src/application/upload/upload-media.ts',
    [
      'const started = await start(intent.value, upload.key)',
      "const started = upload.key ? await start(intent.value, upload.key) : ok({ ...intent.value, state: 'receiving' })",
    ],
    ['abandon<E>(row, ref, contents.error)', 'abandon<E>(row, ref, contents.error)\nif (!upload.key) await start(row)'],
  ],
  'the fsync of the file': ['src/adapters/filesystem/filesystem-file-storage.ts', ['        await file.sync()\n', '']],
  'the fsync of the folder': [
    'src/adapters/filesystem/filesystem-file-storage.ts',
    ['      await this.#syncFolder(dirname(path))\n      return', '      return'],
  ],
  'the key from the check in discard': [
    'src/domain/media/media.ts',
    ['!isDiscardable(media) && media.storageKey === key', '!isDiscardable(media)'],
  ],
  'the second discard': [
    'src/application/upkeep/reap-uploads.ts',
    ['await discardMedia(row)', 'row.discardedAt ? ok() : await discardMedia(row)'],
  ],
  "the discard of the old attempt's key": [
    'src/application/jobs.ts',
    ['[discard(event, 0), discard(event, event.writableSeconds)]', '[discard(event, event.writableSeconds)]'],
  ],
  'the later repetition of that discard': [
    'src/application/jobs.ts',
    ['[discard(event, 0), discard(event, event.writableSeconds)]', '[discard(event, 0)]'],
  ],
  'the renewal of the lease': [
    'src/application/upload/lease.ts',
    ['await media.renew(receiving.id, receiving.attempt, leaseSeconds)', '{ isOk: () => true, error: undefined }'],
  ],
  'the version guard of the cache': ['src/adapters/memory/memory-title-cache.ts', ['if (version < title.version)', '']],
  'the second read of the row after its title was cached': [
    'src/application/projections/cache-title.ts',
    ['row.version === cachedVersion', 'cachedVersion !== undefined'],
  ],
  'the second read of the row after its file was described': [
    'src/application/projections/describe-media.ts',
    ['if (document) yield* save(row, document)', 'if (document) yield* save(row, document)\n        return ok()'],
  ],
  'the removal of the document with the bytes': [
    'src/application/upkeep/discard-media.ts',
    ["if (row?.state === 'deleted') yield* metadata.remove(id, row.attempt)", ''],
  ],
  "the storage's own file id from the discard": [
    'src/application/upkeep/discard-media.ts',
    ['storage.delete(storageKey, fileId)', 'storage.delete(storageKey)'],
  ],
  'the report of a late file': [
    'src/application/upload/abandon-upload.ts',
    ['if (abandoned.isErr()) await reportLate(row, file)', ''],
  ],
  'the event of a copy before its first byte': [
    'src/domain/media/transitions.ts',
    ["events: [{ type: 'copy-started', ...copy, decidedSeconds, writableSeconds: forgetAfterSeconds }]", 'events: []'],
  ],
  'the discard of a moved file': [
    'src/domain/media/transitions.ts',
    ["{ type: 'attempt-replaced', ...fileRef(media), writableSeconds: forgetAfterSeconds },", ''],
  ],
  'the read of the row before a discard': [
    'src/application/upkeep/discard-media.ts',
    ['if (row && needsFile(row, storageKey)) return ok()', ''],
  ],
  'the single runs after a refused batch': [
    'src/application/batch-queue.ts',
    ['this.#options.isRefused?.(error)', 'false'],
  ],
  'the outcome of each item of a batch': [
    'src/application/batch-queue.ts',
    ['resolve(outcomes[index] as Outcome)', 'resolve(outcomes[0] as Outcome)'],
  ],
  // For PostgreSQL these two are in row-batches.ts and kysely-media-repository.ts. The simulation has its own versions.
  'the wait for the commit of a batch': [
    'tests/simulation/row-transactions.ts',
    ['return committed(session, free, () => {', 'committed(session, free, () => {'],
    ['      return outcomes\n    })', '    }).catch(() => undefined)\n    return outcomes'],
  ],
  'the single run of a row that a batch skipped': [
    'tests/simulation/repository.ts',
    ['return alone ?? err(NOT_FOUND)', 'return err(NOT_FOUND)'],
  ],
}

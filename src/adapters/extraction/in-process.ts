import { err, ok, type Result, ResultAsync } from 'neverthrow'
import type { ExtractMetadata, FileToRead } from '../../application/ports/extract-metadata.ts'
import type { Metadata } from '../../domain/metadata.ts'
import { ByteSource } from './byte-source.ts'

/**
 * Reads files in this process, for tests and trials with files that mean no harm: nothing stops one that takes all time or
 * memory.
 */
export const extractInProcess: ExtractMetadata = <E>(file: FileToRead<E>) =>
  new ResultAsync<Metadata, E>(
    (async (): Promise<Result<Metadata, E>> => {
      // Loaded with the first file, for it brings all the readers along.
      const { describeFile } = await import('./describe-file.ts')
      let failure: { readonly error: E } | undefined
      const source = new ByteSource(file.size, async (start, end) => {
        const bytes = await file.read({ start, end })
        if (bytes.isOk()) return bytes.value
        failure ??= { error: bytes.error }
        throw new Error('the file could not be read')
      })
      const metadata = await describeFile(file.contentType, source)
      return failure === undefined ? ok(metadata) : err(failure.error)
    })(),
  )

import { err, ok, type Result, ResultAsync } from 'neverthrow'
import type { ExtractMetadata, FileToRead } from '../../application/ports/extract-metadata.ts'
import type { Metadata } from '../../domain/metadata.ts'
import { ByteSource } from './byte-source.ts'

/**
 * Reads the metadata of files in this process. It limits neither time nor memory, so use it only in tests and with
 * trusted files. Use `SandboxedExtraction` for uploads.
 *
 * @example
 * const mediaport = createMediaport({ ...ports, extract: extractInProcess })
 */
export const extractInProcess: ExtractMetadata = <E>(file: FileToRead<E>) =>
  new ResultAsync<Metadata, E>(
    (async (): Promise<Result<Metadata, E>> => {
      // Imported with the first file, because it loads all parsers.
      const { describeFile } = await import('./describe-file.ts')
      let failure: { readonly error: E } | undefined
      const source = new ByteSource(file.size, async (start, end) => {
        const bytes = await file.read({ start, end })
        if (bytes.isOk()) return bytes.value
        failure ??= { error: bytes.error }
        throw new Error('The file could not be read.')
      })
      const metadata = await describeFile(file.contentType, source)
      return failure === undefined ? ok(metadata) : err(failure.error)
    })(),
  )

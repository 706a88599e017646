import { rm } from 'node:fs/promises'
import { ImageKit } from '@imagekit/nodejs'
import { err, ok, type Result, ResultAsync } from 'neverthrow'
import { z } from 'zod'
import type {
  ByteRange,
  FileMissing,
  FileStorage,
  ListedFile,
  PutError,
  PutHints,
  StoredFile,
} from '../../application/ports/file-storage.ts'
import { type Unavailable, unavailable } from '../../application/ports/unavailable.ts'
import type { StorageKey } from '../../domain/media/ids.ts'
import { CountedBody } from './counted-body.ts'
import { download } from './download.ts'
import { toCause, toPutError } from './errors.ts'
import { MediaLibrary } from './media-library.ts'
import { spoolPath, upload } from './upload.ts'

export interface ImagekitOptions {
  /** From https://imagekit.io/dashboard/developer/api-keys. Needs read and write access to media and to purges. */
  readonly privateKey: string
  /** The address of the delivery server, such as `https://ik.imagekit.io/acme`. */
  readonly urlEndpoint: string
  /** The folder of this storage, such as `/media/<installation>`. It must contain nothing else. */
  readonly folder: string
  /** Whether originals can be read only at signed addresses. */
  readonly isPrivate: boolean
  /** Where a file is written before it is sent. If absent, it is sent while it is received. */
  readonly spoolFolder?: string | undefined
  /** The origin of the upload API. By default `https://upload.imagekit.io`. */
  readonly uploadUrl?: string | undefined
  /** The origin of the other APIs. By default `https://api.imagekit.io`. */
  readonly apiUrl?: string | undefined
  /** A replacement for `fetch`, for tests. */
  readonly fetch?: typeof fetch | undefined
}

/**
 * How long ImageKit may take to answer after it has received all bytes. Longer than the default
 * `storageTimeoutSeconds`, after which the use case ends the upload itself.
 */
const ANSWER_TIMEOUT_MS = 75_000
/** The timeout of all other API requests. */
const REQUEST_TIMEOUT_MS = 15_000
/** How long a signed address is valid. */
const ADDRESS_LIFETIME_SECONDS = 300

/** Checks the answer, because every property is optional in the vendor's types. */
const UploadAnswer = z.object({ fileId: z.string(), filePath: z.string(), size: z.number(), url: z.url() })

/**
 * Stores files at https://imagekit.io. Each storage key is the name of one file in `folder`.
 *
 * @example
 * const imagekit = new ImagekitFileStorage({
 *   privateKey: 'private_…',
 *   urlEndpoint: 'https://ik.imagekit.io/acme',
 *   folder: '/media/my-app',
 *   isPrivate: false,
 * })
 * const mediaport = createMediaport({ ...ports, storages: [imagekit] })
 */
export class ImagekitFileStorage implements FileStorage {
  readonly name = 'imagekit'
  readonly #options: ImagekitOptions
  readonly #uploads: ImageKit
  readonly #api: ImageKit
  readonly #library: MediaLibrary

  constructor(options: ImagekitOptions) {
    this.#options = options
    const { privateKey, uploadUrl = 'https://upload.imagekit.io', apiUrl = 'https://api.imagekit.io' } = options
    // No retries: a body can be read only once, and `MediaLibrary` handles rate limits.
    const common = { privateKey, maxRetries: 0, logLevel: 'off', fetch: options.fetch } as const
    this.#uploads = new ImageKit({ ...common, baseURL: uploadUrl })
    this.#api = new ImageKit({ ...common, baseURL: apiUrl, timeout: REQUEST_TIMEOUT_MS })
    this.#library = new MediaLibrary(this.#api, options.folder)
  }

  put(key: StorageKey, body: AsyncIterable<Uint8Array>, { signal }: PutHints): ResultAsync<StoredFile, PutError> {
    return new ResultAsync(this.#put(key, new CountedBody(body), signal))
  }

  open(key: StorageKey, range?: ByteRange): ResultAsync<AsyncIterable<Uint8Array>, FileMissing | Unavailable> {
    return ResultAsync.fromPromise(download(this.address(key), range, this.#options.fetch), toUnavailable).andThen(
      (body): Result<AsyncIterable<Uint8Array>, FileMissing> => (body ? ok(body) : err({ type: 'file-missing', key })),
    )
  }

  /**
   * Returns the address of the original (`tr=orig-true`). Without this parameter ImageKit serves pictures in another
   * format and quality.
   */
  address(key: StorageKey): string {
    const { urlEndpoint, folder, isPrivate } = this.#options
    return this.#api.helper.buildSrc({
      urlEndpoint,
      src: `${folder}/${key}`,
      queryParameters: { tr: 'orig-true' },
      ...(isPrivate && { signed: true, expiresIn: ADDRESS_LIFETIME_SECONDS }),
    })
  }

  /**
   * Also deletes the spooled file that a killed process may have left, and purges the copies in the CDN, which would
   * remain for up to a year. Without `fileId` it deletes the file only if ImageKit already lists it.
   */
  delete(key: StorageKey, fileId?: string): ResultAsync<void, Unavailable> {
    return ResultAsync.fromPromise(this.#delete(key, fileId), toUnavailable)
  }

  list(after?: StorageKey): ResultAsync<readonly ListedFile[], Unavailable> {
    return ResultAsync.fromPromise(this.#library.page(after), toUnavailable)
  }

  async #put(key: StorageKey, body: CountedBody, signal: AbortSignal): Promise<Result<StoredFile, PutError>> {
    const { folder, isPrivate, spoolFolder } = this.#options
    const timeout = new AbortController()
    let timer: NodeJS.Timeout | undefined
    body.onEnd = () => {
      timer = setTimeout(() => timeout.abort(new Error('ImageKit did not answer the upload.')), ANSWER_TIMEOUT_MS)
    }
    try {
      signal.throwIfAborted()
      const answer = await upload(this.#uploads, body, {
        fields: {
          fileName: key,
          folder,
          // ImageKit refuses a path that exists, so no file is ever overwritten.
          useUniqueFileName: 'false',
          overwriteFile: 'false',
          isPrivateFile: String(isPrivate),
        },
        signal: AbortSignal.any([signal, timeout.signal]),
        spoolFolder,
      })
      const { fileId, filePath, size, url } = UploadAnswer.parse(answer)
      if (filePath !== `${folder}/${key}`) throw new Error(`ImageKit stored the file at another path: ${filePath}`)
      return ok({ fileId, size, url })
    } catch (cause) {
      // ImageKit has received all bytes, so it may have stored the file even without a valid answer.
      if (body.isOver || (!body.failure && !signal.aborted)) return err(toPutError(cause))
      return err({ type: 'interrupted', cause: body.failure ? body.failure.cause : signal.reason })
    } finally {
      clearTimeout(timer)
    }
  }

  async #delete(key: StorageKey, fileId: string | undefined): Promise<void> {
    const { urlEndpoint, folder, spoolFolder } = this.#options
    if (spoolFolder !== undefined) await rm(spoolPath(spoolFolder, key), { force: true })
    for (const file of fileId === undefined ? await this.#library.find(key) : [{ fileId }]) {
      await this.#library.remove(file.fileId)
      await this.#library.purge(`${urlEndpoint}${folder}/${key}*`)
    }
  }
}

const toUnavailable = (cause: unknown): Unavailable => unavailable('storage')(toCause(cause))

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
import { spooledAt, upload } from './upload.ts'

export interface ImagekitOptions {
  readonly privateKey: string
  /** Such as `https://ik.imagekit.io/acme`. */
  readonly urlEndpoint: string
  /** Ours alone, such as `/media/<installation>`. */
  readonly folder: string
  /** Whether originals can be read by signed addresses only. */
  readonly isPrivate: boolean
  /** Where files are gathered before they are sent; absent: they are sent as they come. */
  readonly spoolFolder?: string | undefined
  /** Origins, `https://upload.imagekit.io` and `https://api.imagekit.io` unless told. */
  readonly uploadUrl?: string | undefined
  readonly apiUrl?: string | undefined
  /** Another one, for tests. */
  readonly fetch?: typeof fetch | undefined
}

/**
 * How long ImageKit may take to answer once it has all bytes, and any other request, in ms. An upload has less patience, and
 * says so by itself.
 */
const ANSWER_TIMEOUT = 75_000
const REQUEST_TIMEOUT = 15_000
/** An address that is given away lives so long, in seconds. */
const ADDRESS_SECONDS = 300

/** Every property is optional in the vendor's types, so what is needed is asked for here. */
const Uploaded = z.object({ fileId: z.string(), filePath: z.string(), size: z.number(), url: z.url() })

/** Files at https://imagekit.io, one object a key, in a folder of our own. */
export class ImagekitFileStorage implements FileStorage {
  readonly name = 'imagekit'
  readonly #options: ImagekitOptions
  readonly #uploads: ImageKit
  readonly #api: ImageKit
  readonly #library: MediaLibrary

  constructor(options: ImagekitOptions) {
    this.#options = options
    const { privateKey, uploadUrl = 'https://upload.imagekit.io', apiUrl = 'https://api.imagekit.io' } = options
    // Without retries: a body that was sent can't be sent again, and rate limits are waited for by the library.
    const common = { privateKey, maxRetries: 0, logLevel: 'off', fetch: options.fetch } as const
    this.#uploads = new ImageKit({ ...common, baseURL: uploadUrl })
    this.#api = new ImageKit({ ...common, baseURL: apiUrl, timeout: REQUEST_TIMEOUT })
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

  /** Of the original: ImageKit would otherwise give pictures in another format and quality. */
  address(key: StorageKey): string {
    const { urlEndpoint, folder, isPrivate } = this.#options
    return this.#api.helper.buildSrc({
      urlEndpoint,
      src: `${folder}/${key}`,
      queryParameters: { tr: 'orig-true' },
      ...(isPrivate && { signed: true, expiresIn: ADDRESS_SECONDS }),
    })
  }

  /**
   * Takes what a killed process has spooled of it, and purges what delivery keeps of it, which may be for a year. Without
   * `fileId` it has to be in the lists already.
   */
  delete(key: StorageKey, fileId?: string): ResultAsync<void, Unavailable> {
    return ResultAsync.fromPromise(this.#delete(key, fileId), toUnavailable)
  }

  list(after?: StorageKey): ResultAsync<readonly ListedFile[], Unavailable> {
    return ResultAsync.fromPromise(this.#library.page(after), toUnavailable)
  }

  async #put(key: StorageKey, body: CountedBody, signal: AbortSignal): Promise<Result<StoredFile, PutError>> {
    const { folder, isPrivate, spoolFolder } = this.#options
    const noAnswer = new AbortController()
    let timer: NodeJS.Timeout | undefined
    body.onEnd = () => {
      timer = setTimeout(() => noAnswer.abort(new Error('no answer to an upload')), ANSWER_TIMEOUT)
    }
    try {
      signal.throwIfAborted()
      const answer = await upload(this.#uploads, body, {
        fields: {
          fileName: key,
          folder,
          // A path that is taken is refused: nothing is ever written over.
          useUniqueFileName: 'false',
          overwriteFile: 'false',
          isPrivateFile: String(isPrivate),
        },
        signal: AbortSignal.any([signal, noAnswer.signal]),
        spoolFolder,
      })
      const { fileId, filePath, size, url } = Uploaded.parse(answer)
      if (filePath !== `${folder}/${key}`) throw new Error(`ImageKit kept the file as ${filePath}`)
      return ok({ fileId, size, url })
    } catch (cause) {
      // Once it had all its bytes it may have kept the file, whatever became of the answer.
      if (body.isOver || (!body.failure && !signal.aborted)) return err(toPutError(cause))
      return err({ type: 'interrupted', cause: body.failure ? body.failure.cause : signal.reason })
    } finally {
      clearTimeout(timer)
    }
  }

  async #delete(key: StorageKey, fileId: string | undefined): Promise<void> {
    const { urlEndpoint, folder, spoolFolder } = this.#options
    if (spoolFolder !== undefined) await rm(spooledAt(spoolFolder, key), { force: true })
    for (const file of fileId === undefined ? await this.#library.find(key) : [{ fileId }]) {
      await this.#library.remove(file.fileId)
      await this.#library.purge(`${urlEndpoint}${folder}/${key}*`)
    }
  }
}

const toUnavailable = (cause: unknown): Unavailable => unavailable('storage')(toCause(cause))

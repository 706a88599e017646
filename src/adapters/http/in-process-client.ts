import { createReadStream } from 'node:fs'
import { basename } from 'node:path'
import type { ResultAsync } from 'neverthrow'
import type { ListOptions } from '../../application/library/list-media.ts'
import type { Mediaport } from '../../application/mediaport.ts'
import { EVERYONE } from '../../application/owner.ts'
import type { Details } from '../../application/upload/details.ts'
import type { BodyFailed } from '../../application/upload/incoming-body.ts'
import { ANONYMOUS } from './auth/caller.ts'
import { linksTo, toJson } from './media-json.ts'
import { type ApiError, toProblem } from './problem.ts'

/** Offers the operations of the HTTP API with the use cases of this process. Data and error texts are the same. */
export function inProcessClient(mediaport: Mediaport, publicUrl: string, close: () => Promise<void>) {
  const links = linksTo(publicUrl)
  return {
    upload: (
      { path }: { readonly path: string },
      { key, ...details }: Details & { readonly key?: string | undefined },
      onProgress: (sentBytes: number) => void,
    ) =>
      withText(
        mediaport.uploadMedia({
          owner: ANONYMOUS,
          body: countBytes(createReadStream(path), onProgress),
          filename: basename(path),
          details,
          key,
        }),
      ).map((media) => toJson(media, links)),
    list: (options: Omit<ListOptions, 'owner'>) =>
      withText(mediaport.listMedia({ ...options, owner: EVERYONE })).map(({ items, next }) => ({
        items: items.map((media) => toJson(media, links)),
        next,
      })),
    get: (id: string) => withText(mediaport.getMedia(id, { owner: EVERYONE })).map((media) => toJson(media, links)),
    content: (id: string) => withText(mediaport.openContent(id, { owner: EVERYONE }).andThen(({ open }) => open())),
    close,
  }
}

const withText = <T>(outcome: ResultAsync<T, ApiError | BodyFailed>) =>
  outcome.mapErr((error) => {
    if (error.type === 'body-failed')
      return { code: error.type, message: `The file could not be read: ${String(error.cause)}` }
    const { title, detail } = toProblem(error, '').body
    return { code: error.type, message: detail === undefined ? `${title}.` : `${title}. ${detail}` }
  })

async function* countBytes(
  body: AsyncIterable<Uint8Array>,
  onProgress: (sentBytes: number) => void,
): AsyncGenerator<Uint8Array> {
  let sentBytes = 0
  for await (const chunk of body) {
    sentBytes += chunk.length
    onProgress(sentBytes)
    yield chunk
  }
}

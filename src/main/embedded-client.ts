import { createReadStream } from 'node:fs'
import { basename } from 'node:path'
import type { ResultAsync } from 'neverthrow'
import type { Client, Failure } from '../adapters/cli/client.ts'
import { linksFrom, toJson } from '../adapters/http/media-json.ts'
import { type ApiError, toProblem } from '../adapters/http/problem.ts'
import type { Mediaport } from '../application/mediaport.ts'

/** The commands over the use cases in this process, with the words of the HTTP API. */
export function embeddedClient(mediaport: Mediaport, publicUrl: string, close: () => Promise<void>): Client {
  const links = linksFrom(publicUrl)
  return {
    upload: ({ path }, { key, ...details }, onProgress) =>
      told(
        mediaport.uploadMedia({
          body: counted(createReadStream(path), onProgress),
          filename: basename(path),
          details,
          key,
        }),
      ).map((media) => toJson(media, links)),
    list: (query) =>
      told(mediaport.listMedia(query)).map(({ items, next }) => ({
        items: items.map((media) => toJson(media, links)),
        next,
      })),
    get: (id) => told(mediaport.getMedia(id)).map((media) => toJson(media, links)),
    content: (id) => told(mediaport.readContent(id)).map(({ body }) => body),
    close,
  }
}

const told = <T>(outcome: ResultAsync<T, ApiError>): ResultAsync<T, Failure> =>
  outcome.mapErr((error) => {
    if (error.type === 'body-failed')
      return { code: error.type, message: `The file could not be read: ${String(error.cause)}` }
    const { title, detail } = toProblem(error, '').body
    return { code: error.type, message: detail === undefined ? `${title}.` : `${title}. ${detail}` }
  })

async function* counted(
  body: AsyncIterable<Uint8Array>,
  onProgress: (sent: number) => void,
): AsyncGenerator<Uint8Array> {
  let sent = 0
  for await (const chunk of body) {
    sent += chunk.length
    onProgress(sent)
    yield chunk
  }
}

import { setMaxListeners } from 'node:events'
import { type GetMedia, getMedia } from './get-media.ts'
import { type ListMedia, listMedia } from './list-media.ts'
import { DEFAULT_POLICY, type Policy } from './policy.ts'
import type { FileStorage } from './ports/file-storage.ts'
import type { Identity } from './ports/identity.ts'
import type { MediaRepository } from './ports/media-repository.ts'
import type { Sniff } from './ports/sniff.ts'
import { type ReadContent, readContent } from './read-content.ts'
import { type UploadMedia, uploadMedia } from './upload-media.ts'

/** All that the use cases need from outside. */
export interface Ports {
  readonly media: MediaRepository
  /** The first takes new files; each serves the media whose row names it. */
  readonly storages: readonly [FileStorage, ...FileStorage[]]
  readonly sniff: Sniff
  readonly identity: Identity
}

export interface Mediaport {
  readonly uploadMedia: UploadMedia
  readonly getMedia: GetMedia
  readonly listMedia: ListMedia
  readonly readContent: ReadContent
  /** What uploads are held to. */
  readonly policy: Policy
  /**
   * Takes no more uploads, gives up those under way, and settles when each has been put away. What was opened for the
   * ports is the caller's to close afterwards.
   */
  close(): Promise<void>
}

/**
 * The use cases over these ports; the HTTP server, the command line and the tests all start here.
 * @param policy replaces single values of `DEFAULT_POLICY`.
 */
export function createMediaport(ports: Ports, policy: Partial<Policy> = {}): Mediaport {
  const inForce = { ...DEFAULT_POLICY, ...policy }
  const ending = new AbortController()
  setMaxListeners(0, ending.signal)
  const underWay = new Set<Promise<unknown>>()
  const upload = uploadMedia(ports, inForce, ending.signal)
  const get = getMedia(ports)

  return {
    uploadMedia: (request) => {
      const outcome = upload(request)
      const settled = Promise.resolve(outcome).finally(() => underWay.delete(settled))
      underWay.add(settled)
      return outcome
    },
    getMedia: get,
    listMedia: listMedia(ports),
    readContent: readContent(ports, get),
    policy: inForce,
    close: async () => {
      ending.abort()
      await Promise.allSettled(underWay)
    },
  }
}

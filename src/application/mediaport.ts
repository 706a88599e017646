import { setMaxListeners } from 'node:events'
import type { ResultAsync } from 'neverthrow'
import type { Job } from './jobs.ts'
import { type ChangeMedia, changeMedia } from './library/change-media.ts'
import { type DeleteMedia, deleteMedia } from './library/delete-media.ts'
import { type GetMedia, getMedia } from './library/get-media.ts'
import { type ListMedia, listMedia } from './library/list-media.ts'
import { type ContentAddress, contentAddress, type ReadContent, readContent } from './library/open-content.ts'
import { DEFAULT_POLICY, type Policy } from './policy.ts'
import type { Ports } from './ports/index.ts'
import type { Unavailable } from './ports/unavailable.ts'
import { cacheTitle } from './projections/cache-title.ts'
import { describeMedia } from './projections/describe-media.ts'
import { type ReadMetadata, readMetadata } from './projections/read-metadata.ts'
import { type ReadTitle, readTitle } from './projections/read-title.ts'
import { type Rebuild, rebuild } from './projections/rebuild.ts'
import { discardMedia } from './upkeep/discard-media.ts'
import { type Doctor, doctor } from './upkeep/doctor.ts'
import { type MoveMedia, moveMedia } from './upkeep/move-media.ts'
import { type ReapUploads, reapUploads } from './upkeep/reap-uploads.ts'
import { type UploadMedia, uploadMedia } from './upload/upload-media.ts'

export interface Mediaport {
  readonly uploadMedia: UploadMedia
  readonly getMedia: GetMedia
  readonly listMedia: ListMedia
  readonly readContent: ReadContent
  readonly contentAddress: ContentAddress
  readonly readTitle: ReadTitle
  readonly readMetadata: ReadMetadata
  readonly changeMedia: ChangeMedia
  readonly deleteMedia: DeleteMedia
  /** Does one job. `unavailable` means that it has to be done again; other than that there is no failure. */
  readonly work: (job: Job) => ResultAsync<void, Unavailable>
  /** Moves on what only time can; to be called again and again, by any number of processes. */
  readonly reapUploads: ReapUploads
  /** Finds what is not as the rows say, and mends what they can tell. */
  readonly doctor: Doctor
  /** Makes again what a projection has lost. */
  readonly rebuild: Rebuild
  readonly moveMedia: MoveMedia
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
  const get = getMedia(ports)
  const discard = discardMedia(ports)
  const upload = uploadMedia(ports, inForce, discard, ending.signal)
  const cache = cacheTitle(ports)
  const describe = describeMedia(ports)

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
    contentAddress: contentAddress(ports),
    readTitle: readTitle(ports, get, cache),
    readMetadata: readMetadata(ports, get),
    changeMedia: changeMedia(ports, cache),
    deleteMedia: deleteMedia(ports, cache),
    work: (job) => {
      switch (job.name) {
        case 'discard-media':
          return discard(job)
        case 'describe-media':
          return describe(job)
        case 'cache-title':
          return cache(job.id)
      }
    },
    reapUploads: reapUploads(ports, inForce, discard),
    doctor: doctor(ports, inForce, discard),
    rebuild: rebuild(ports, describe, cache),
    moveMedia: moveMedia(ports, inForce, discard),
    policy: inForce,
    close: async () => {
      ending.abort()
      await Promise.allSettled(underWay)
    },
  }
}

import { setMaxListeners } from 'node:events'
import type { ResultAsync } from 'neverthrow'
import type { Job } from './jobs.ts'
import { type ChangeMedia, changeMedia } from './library/change-media.ts'
import { type DeleteMedia, deleteMedia } from './library/delete-media.ts'
import { type GetMedia, getMedia } from './library/get-media.ts'
import { type ListMedia, listMedia } from './library/list-media.ts'
import { type OpenContent, openContent } from './library/open-content.ts'
import { DEFAULT_POLICY, type Policy } from './policy.ts'
import type { Ports } from './ports/index.ts'
import type { Unavailable } from './ports/unavailable.ts'
import { cacheTitle } from './projections/cache-title.ts'
import { describeMedia } from './projections/describe-media.ts'
import { type ReadMetadata, readMetadata } from './projections/read-metadata.ts'
import { type ReadTitle, readTitle } from './projections/read-title.ts'
import { type Rebuild, rebuild } from './projections/rebuild.ts'
import { type CheckHealth, checkHealth } from './upkeep/check-health.ts'
import { discardMedia } from './upkeep/discard-media.ts'
import { type Doctor, doctor } from './upkeep/doctor.ts'
import { type MoveMedia, moveMedia } from './upkeep/move-media.ts'
import { type ReapUploads, reapUploads } from './upkeep/reap-uploads.ts'
import { watchStorages } from './upkeep/watched-storage.ts'
import { type UploadMedia, uploadMedia } from './upload/upload-media.ts'

/** The use cases. Each method returns a `ResultAsync`; only bugs throw. */
export interface Mediaport {
  readonly uploadMedia: UploadMedia
  readonly getMedia: GetMedia
  readonly listMedia: ListMedia
  readonly openContent: OpenContent
  readonly readTitle: ReadTitle
  readonly readMetadata: ReadMetadata
  readonly changeMedia: ChangeMedia
  readonly deleteMedia: DeleteMedia
  readonly checkHealth: CheckHealth
  /** Does one job. After `unavailable` the job must be done again. There are no other errors. */
  readonly work: (job: Job) => ResultAsync<void, Unavailable>
  readonly reapUploads: ReapUploads
  readonly doctor: Doctor
  readonly rebuild: Rebuild
  readonly moveMedia: MoveMedia
  /** The rules that uploads must meet. */
  readonly policy: Policy
  /**
   * Refuses new uploads, abandons those in progress, and resolves when all have ended. It does not close what the ports have
   * opened.
   */
  close(): Promise<void>
}

/**
 * Creates the use cases over the given ports. The HTTP server, the command line and the tests all start here.
 *
 * @param policy Overrides single values of `DEFAULT_POLICY`.
 * @example
 * const mediaport = createMediaport(memoryPorts(), { maxFileSize: 1024 * 1024 })
 */
export function createMediaport(given: Ports, policy: Partial<Policy> = {}): Mediaport {
  const storages = watchStorages(given.storages)
  const ports: Ports = { ...given, storages }
  const effective = { ...DEFAULT_POLICY, ...policy }
  const closing = new AbortController()
  setMaxListeners(0, closing.signal)
  const uploads = new Set<Promise<unknown>>()

  const get = getMedia(ports)
  const discard = discardMedia(ports)
  const upload = uploadMedia(ports, effective, discard, closing.signal)
  const cache = cacheTitle(ports)
  const describe = describeMedia(ports)

  return {
    uploadMedia: (request) => {
      const outcome = upload(request)
      const forget = () => uploads.delete(ended)
      const ended: Promise<unknown> = Promise.resolve(outcome).then(forget, forget)
      uploads.add(ended)
      return outcome
    },
    getMedia: get,
    listMedia: listMedia(ports),
    openContent: openContent(ports, get),
    readTitle: readTitle(ports, get, cache),
    readMetadata: readMetadata(ports, get),
    changeMedia: changeMedia(ports, cache),
    deleteMedia: deleteMedia(ports, cache),
    checkHealth: checkHealth(ports, storages[0]),
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
    reapUploads: reapUploads(ports, effective, discard),
    doctor: doctor(ports, effective, discard),
    rebuild: rebuild(ports, describe, cache),
    moveMedia: moveMedia(ports, effective, discard),
    policy: effective,
    close: async () => {
      closing.abort()
      await Promise.all(uploads)
    },
  }
}

import { ResultAsync } from 'neverthrow'
import { FilesystemFileStorage } from '../../src/adapters/filesystem/filesystem-file-storage.ts'
import { createMediaport, type Mediaport } from '../../src/application/mediaport.ts'
import type { FileStorage, PutError } from '../../src/application/ports/file-storage.ts'
import type { Ports } from '../../src/application/ports/index.ts'
import { unavailable } from '../../src/application/ports/unavailable.ts'
import { inChunks, sha256 } from '../samples.ts'
import { eachMethod, receive } from './each-method.ts'
import { effectsOf } from './effects.ts'
import { type Effect, LOST } from './faults.ts'
import type { Process } from './process.ts'
import { repositoryOf } from './repository.ts'
import type { QueuedJob, World } from './world.ts'

const LEASE_SECONDS = 2
/** A copy may take ten leases. A long pause must be longer. */
const COPY_LEASE_SECONDS = 1
const FORGET_AFTER_SECONDS = 3
const CYCLE_MS = 1_000

/** Starts the server and the worker of a process. */
export function boot(process: Process, world: World): Mediaport {
  const effect = effectsOf(process, world)
  const mediaport = createMediaport(portsOf(process, world, effect), {
    leaseSeconds: world.kind === 'moving' ? COPY_LEASE_SECONDS : LEASE_SECONDS,
    forgetAfterSeconds: FORGET_AFTER_SECONDS,
    storageTimeoutSeconds: 5,
  })
  const work = async (queued: QueuedJob): Promise<void> => {
    const done = await mediaport.work(queued.job)
    const remove = () => world.jobs.delete(queued)
    const isDone = done.isOk() && (await effect('jobs.done', remove).catch(() => false))
    if (isDone || queued.claimedBy !== process) return
    queued.claimedBy = undefined
    queued.dueAt = world.clock.now + CYCLE_MS
  }
  const cycle = (): void => {
    void process.do('reap', () => mediaport.reapUploads())
    for (const queued of world.jobs)
      if (!queued.claimedBy?.answers && queued.dueAt <= world.clock.now) {
        queued.claimedBy = process
        void process.do(queued.job.name, () => work(queued))
      }
  }
  world.clock.every(CYCLE_MS, cycle, process)
  return mediaport
}

/** The ports of a process. Each of their methods is at least one effect. */
function portsOf(process: Process, world: World, effect: Effect): Ports {
  return {
    media: repositoryOf(process, world, effect),
    storages: storagesOf(world, effect),
    metadata: eachMethod('metadata', 'metadata', () => world.metadata, effect),
    titles: eachMethod('titles', 'titles', () => world.titles, effect),
    sniff: async () => 'image/png',
    extract: ({ size, read }) =>
      read({ start: 0, end: size - 1 }).map((bytes) => ({ status: 'ready', tags: { sha256: sha256(bytes) } })),
    identity: world.identity,
  }
}

function storagesOf(world: World, effect: Effect): Ports['storages'] {
  if (world.kind === 'filesystem') {
    const storage = new FilesystemFileStorage('/files', { disk: world.disk.asDisk(effect) })
    return [eachMethod<FileStorage>('storage', 'storage', () => storage, effect)]
  }
  const imagekit = world.imagekit.storageOf(effect)
  if (world.kind === 'imagekit') return [imagekit]
  const remote = remoteStorage(world, effect)
  return world.kind === 'moving' ? [remote, imagekit] : [remote]
}

/** A file is visible only when all its bytes were received, as in object storages. */
function remoteStorage({ memoryStorage }: World, effect: Effect): FileStorage {
  const storage = eachMethod<FileStorage>('storage', 'storage', () => memoryStorage, effect)
  return eachMethod<FileStorage>('storage', 'storage', () => memoryStorage, effect, {
    put: (key, body, { contentType, signal }) =>
      ResultAsync.fromPromise(
        receive(body, effect, signal),
        (cause): PutError => (cause === LOST ? unavailable('storage')(cause) : { type: 'interrupted', cause }),
      ).andThen((bytes) => storage.put(key, inChunks(bytes), { contentType, signal: new AbortController().signal })),
  })
}

import type { ServerProcess } from '../../integration/mediaport-process.ts'
import { pngOf } from '../../samples.ts'
import { CarefulClient } from '../careful-client.ts'
import type { ClientLog } from '../client-log.ts'
import { secondsUntil } from '../faults.ts'
import type { Installation } from '../installation.ts'
import { verdict } from '../verdict.ts'
import type { SceneName } from './points.ts'

/** The size of a file in bytes. It is sent in seven chunks with a short pause between them. */
export const SIZE = 400_000
const PAUSE_MS = 5
/** For an upload whose server is killed from outside: longer than it takes to find the upload. */
const SLOW = { pauseMs: 300 }
/** Enough for a lease, a round of the reaper and the start of a process. */
const TIMEOUT_MS = 60_000

export interface Stage {
  readonly installation: Installation
  readonly log: ClientLog
  /** Unique. */
  readonly name: string
  /** Starts the process that kills itself. */
  readonly arm: () => Promise<ServerProcess>
}

export interface Play {
  readonly armed: ServerProcess
  /** The operation of the client. It may need the next process to finish. */
  readonly done: Promise<unknown>
}

/** What happens before and while the process dies. */
export const SCENES: Readonly<Record<SceneName, (stage: Stage) => Promise<Play>>> = {
  upload: async (stage) => {
    const armed = await stage.arm()
    return { armed, done: clientOf(stage).upload(fileOf(stage)) }
  },

  retry: async (stage) => {
    const done = clientOf(stage).upload({ ...fileOf(stage), ...SLOW })
    await killDuringUpload(stage)
    return { armed: await stage.arm(), done }
  },

  'abandoned upload': async (stage) => {
    const done = clientOf(stage).upload({ ...fileOf(stage), ...SLOW, tries: 1 })
    await killDuringUpload(stage)
    return { armed: await stage.arm(), done }
  },

  change: async (stage) => {
    const armed = await stage.arm()
    const client = clientOf(stage)
    const media = await client.upload(fileOf(stage))
    return { armed, done: media ? client.rename(media, `${stage.name}, changed`) : Promise.resolve() }
  },

  deletion: async (stage) => {
    const armed = await stage.arm()
    const client = clientOf(stage)
    const media = await client.upload(fileOf(stage))
    // The jobs of the upload are done first, so that the deletion has everything to delete.
    await verdict(stage.installation, stage.log)
    return { armed, done: media ? client.delete(media) : Promise.resolve() }
  },
}

function clientOf({ installation, log }: Stage): CarefulClient {
  const deadline = performance.now() + TIMEOUT_MS
  return new CarefulClient({ log, server: () => installation.addresses[0], deadline: () => deadline })
}

const fileOf = ({ name }: Stage) => ({
  bytes: pngOf(SIZE, name),
  title: name,
  key: name.replaceAll(/\W+/g, '-'),
  pauseMs: PAUSE_MS,
})

/** Kills the server while an upload is in progress. */
async function killDuringUpload({ installation }: Stage): Promise<void> {
  const server = await installation.start()
  const isInProgress = async () =>
    (await installation.database.query(`select from media_job where state = 'receiving'`)).rowCount !== 0
  await secondsUntil(isInProgress, TIMEOUT_MS)
  await installation.kill(server)
}

import { setTimeout } from 'node:timers/promises'
import type { ServerProcess } from '../../integration/mediaport-process.ts'
import { pngOf } from '../../samples.ts'
import { CarefulClient } from '../careful-client.ts'
import type { ClientLog } from '../client-log.ts'
import type { Installation } from '../installation.ts'
import { verdict } from '../verdict.ts'
import type { SceneName } from './points.ts'

/** Bytes of a file, sent in seven pieces with a little time between them. */
export const SIZE = 400_000
const PAUSE_MS = 5
/** For an upload that is to be killed from outside: longer than it takes to look for it. */
const SLOW = { pause: 300 }
/** Time enough for a lease, a round of the reaper and whatever a process at its start takes. */
const PATIENCE_MS = 60_000

export interface Stage {
  readonly installation: Installation
  readonly log: ClientLog
  /** Not the same as any before. */
  readonly name: string
  /** Starts the process that is to die. */
  readonly arm: () => Promise<ServerProcess>
}

export interface Played {
  readonly armed: ServerProcess
  /** What the client does, which ends only when it has its answer; then by the help of whoever runs by then. */
  readonly done: Promise<unknown>
}

/** What goes on around the process that dies. */
export const SCENES: Readonly<Record<SceneName, (stage: Stage) => Promise<Played>>> = {
  upload: async (stage) => {
    const armed = await stage.arm()
    return { armed, done: clientOf(stage).upload(fileOf(stage)) }
  },

  'second try': async (stage) => {
    const done = clientOf(stage).upload({ ...fileOf(stage), ...SLOW })
    await killInItsMidst(stage)
    return { armed: await stage.arm(), done }
  },

  'left upload': async (stage) => {
    const done = clientOf(stage).upload({ ...fileOf(stage), ...SLOW, tries: 1 })
    await killInItsMidst(stage)
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
    // With all that follows an upload done, everything there is has to go.
    await verdict(stage.installation, stage.log)
    return { armed, done: media ? client.delete(media) : Promise.resolve() }
  },
}

function clientOf({ installation, log }: Stage): CarefulClient {
  const deadline = performance.now() + PATIENCE_MS
  return new CarefulClient({ log, server: () => installation.addresses[0], deadline: () => deadline })
}

const fileOf = ({ name }: Stage) => ({
  bytes: pngOf(SIZE, name),
  title: name,
  key: name.replaceAll(/\W+/g, '-'),
  pause: PAUSE_MS,
})

/** An upload has begun and does not end. */
async function killInItsMidst({ installation }: Stage): Promise<void> {
  const server = await installation.start()
  const isUnderWay = async () =>
    (await installation.database.query(`select 1 from media_job where state = 'receiving'`)).rows.length > 0
  for (const until = performance.now() + PATIENCE_MS; !(await isUnderWay()) && performance.now() < until; )
    await setTimeout(1)
  await installation.kill(server)
}

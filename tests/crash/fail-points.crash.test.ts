/**
 * Makes a server kill itself (SIGKILL) at each named point of the life of a media item, and checks what the next
 * process and a careful client make of it.
 */
import { join } from 'node:path'
import { expect, type TestContext, test } from 'vitest'
import type { ServerProcess } from '../integration/mediaport-process.ts'
import { folderUntilExit } from '../support/processes.ts'
import { type HttpResponse, remove, rename, request, untilDecided, upload } from './client.ts'
import { armedAt, hasFired } from './fail-points/armed.ts'
import { Installation, type StorageName, type Variables } from './installation.ts'
import { concurrent, expectNothingLost, isFull, until } from './suite.ts'
import { verdict } from './verdict.ts'

/** A point at which the process dies, and the scene in which it is reached. */
interface FailPoint {
  readonly scene: keyof typeof SCENES
  readonly at: string
  /** The only storage that has the point. Default: both. */
  readonly on?: StorageName
  readonly variables?: Variables
  /** Whether a child process dies instead of this process. */
  readonly survives?: boolean
}

const KILLS = isFull ? 5 : 1
/** A short run tries every fourth point. The date decides which. */
const SHARE = 4
const FIRES_WITHIN_MS = 45_000
const READY_WITHIN_SECONDS = 5
/** The size of a file in bytes. It is sent in seven chunks with a short pause between them. */
const SIZE = 400_000
const PAUSE_MS = 5
/** For an upload whose server is killed from outside: longer than it takes to find the upload. */
const SLOW_MS = 300

interface Stage {
  readonly installation: Installation
  /** Unique. */
  readonly name: string
  /** Starts the process that kills itself. */
  readonly arm: () => Promise<ServerProcess>
}

interface Play {
  readonly armed: ServerProcess
  /** The operation of the client. It may need the next process to finish. */
  readonly done: Promise<unknown>
}

const sentBy = ({ name }: Stage) => ({ title: name, key: name.replaceAll(/\W+/g, '-'), size: SIZE, pauseMs: PAUSE_MS })

const repeat = ({ installation }: Stage, send: (url: string) => Promise<HttpResponse>) =>
  untilDecided(() => installation.addresses[0], send)

async function uploadCarefully(stage: Stage, pauseMs = PAUSE_MS): Promise<HttpResponse['body']> {
  const sent = { ...sentBy(stage), pauseMs }
  const response = await repeat(stage, (url) => upload(url, stage.installation.log, sent))
  expect(response).toMatchObject({ status: 201 })
  return { ...response.body, tag: response.headers.etag }
}

/** Changes only the version that was uploaded. */
async function renameCarefully(stage: Stage, media: HttpResponse['body']): Promise<void> {
  const { log } = stage.installation
  const title = `${stage.name}, changed`
  const response = await repeat(stage, (url) => rename(url, log, media, title, { 'If-Match': String(media['tag']) }))
  // Only this client changes it. A newer version is the result of a try whose response was lost.
  const wasDone = response.status === 412 && response.isRepeated
  const now = wasDone ? await repeat(stage, (url) => request(`${url}/media/${String(media['id'])}/`)) : response
  expect(now).toMatchObject({ status: 200, body: { title } })
  log.renameAcknowledged(String(media['sha256']), title)
}

async function deleteCarefully(stage: Stage, media: HttpResponse['body']): Promise<void> {
  const { log } = stage.installation
  const { status, isRepeated } = await repeat(stage, (url) => remove(url, log, media))
  expect(status).toBe(status === 404 && isRepeated ? 404 : 204)
  log.deletionAcknowledged(String(media['sha256']))
  const read = await repeat(stage, (url) => request(`${url}/media/${String(media['id'])}/`))
  expect(read).toMatchObject({ status: 404 })
}

/** Starts a server, and kills it while `send` uploads a file. */
async function killDuringUpload({ installation }: Stage, send: (url: string) => Promise<unknown>) {
  const server = await installation.start()
  const done = send(server.url)
  done.catch(() => undefined)
  const receiving = `select from media_job where state = 'receiving'`
  await until('the upload is in progress', async () => (await installation.database.query(receiving)).rowCount !== 0)
  await installation.kill(server)
  return { done }
}

/** What happens before and while the process dies. */
const SCENES = {
  upload: async (stage: Stage): Promise<Play> => {
    const armed = await stage.arm()
    return { armed, done: uploadCarefully(stage) }
  },

  retry: async (stage: Stage): Promise<Play> => {
    const { done } = await killDuringUpload(stage, () => uploadCarefully(stage, SLOW_MS))
    return { armed: await stage.arm(), done }
  },

  'abandoned upload': async (stage: Stage): Promise<Play> => {
    const sent = { ...sentBy(stage), pauseMs: SLOW_MS }
    const { done } = await killDuringUpload(stage, (url) => upload(url, stage.installation.log, sent))
    return { armed: await stage.arm(), done }
  },

  change: async (stage: Stage): Promise<Play> => {
    const armed = await stage.arm()
    return { armed, done: renameCarefully(stage, await uploadCarefully(stage)) }
  },

  deletion: async (stage: Stage): Promise<Play> => {
    const armed = await stage.arm()
    const media = await uploadCarefully(stage)
    // The jobs of the upload are done first, so that the deletion has everything to delete.
    await verdict(stage.installation)
    return { armed, done: deleteCarefully(stage, media) }
  },
}

/** The points in order, from the upload to the deletion. */
const POINTS: readonly FailPoint[] = [
  ...within('upload', [
    'before the row',
    'row sent',
    'after the row',
    'first bytes stored',
    'half of the bytes stored',
    'all bytes stored',
    'storage complete',
    'before the commit',
    'COMMIT of the commit sent',
    'after the commit',
    'before the 201',
    'head of the 201 sent',
    '201 sent',
    'describe-media claimed',
    'file being read',
    'before the document',
    'document sent',
    'after the document',
    'describe-media done, not acknowledged',
    'cache-title claimed',
    'before the title',
    'title sent',
    'after the title',
    'cache-title done, not acknowledged',
  ]),
  { scene: 'upload', at: 'reader killed', survives: true },
  { scene: 'upload', at: 'file written, not renamed', on: 'filesystem' },
  { scene: 'upload', at: 'file renamed, folder not synced', on: 'filesystem' },
  { scene: 'upload', at: 'response of ImageKit not read', on: 'imagekit' },
  { scene: 'upload', at: 'before the request to ImageKit', on: 'imagekit', variables: { IMAGEKIT_UPLOAD: 'spool' } },
  ...within('retry', ['before the next attempt', 'COMMIT of the next attempt sent', 'after the next attempt']),
  ...within('abandoned upload', [
    'before the abandon',
    'COMMIT of the abandon sent',
    'after the abandon',
    'discard-media claimed',
    'before the first discard',
    'after the first discard',
    'before the record of the discard',
    'COMMIT of the record of the discard sent',
    'after the record of the discard',
    'before the second discard',
    'after the second discard',
    'before the row is forgotten',
    'after the row is forgotten',
  ]),
  ...within('change', [
    'before the change',
    'COMMIT of the change sent',
    'after the change',
    'before the new title',
    'new title sent',
    'after the new title',
    'before the 200',
    '200 sent',
  ]),
  ...within('deletion', [
    'before the deletion',
    'COMMIT of the deletion sent',
    'after the deletion',
    'before the 204',
    '204 sent',
    'before the first discard',
    'after the first discard',
    'after the record of the discard',
    'before the document is removed',
    'after the document is removed',
    'before the title is removed',
    'after the title is removed',
    'before the second discard',
    'after the second discard',
    'before the row is forgotten',
    'after the row is forgotten',
  ]),
]

function within(scene: FailPoint['scene'], places: readonly string[]): readonly FailPoint[] {
  return places.map((at) => ({ scene, at }))
}

/** The number of kills on each storage: half of them each, if the point exists on both. */
function killsOf(point: FailPoint): readonly (readonly [storage: StorageName, kills: number])[] {
  if (point.on) return [[point.on, KILLS]]
  const [more, less] = [Math.ceil(KILLS / 2), Math.floor(KILLS / 2)]
  const [first, second] =
    POINTS.indexOf(point) % 2 === 0 ? (['filesystem', 'imagekit'] as const) : (['imagekit', 'filesystem'] as const)
  return less === 0
    ? [[first, more]]
    : [
        [first, more],
        [second, less],
      ]
}

let turn: Promise<unknown> = Promise.resolve()

/** Starts processes one after the other, so that their number does not affect the measured time. */
function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const done = turn.then(work)
  turn = done.catch(() => undefined)
  return done
}

/** @returns The seconds until the next process was ready. */
async function killAt(point: FailPoint, installation: Installation, name: string, context: TestContext) {
  const target = { point: point.at, firedFile: join(folderUntilExit(), 'fired') }
  const arm = () =>
    inTurn(async () => {
      const armed = installation.launch('serve', { ...armedAt(target), FAIL_SIZE: `${SIZE}` })
      if (!point.survives) installation.expectExit(armed)
      await armed.ready()
      return armed
    })
  const { armed, done } = await SCENES[point.scene]({ installation, name, arm })
  // Awaited below, when another process is ready.
  done.catch(() => undefined)
  const isDead = () => armed.child.signalCode === 'SIGKILL'
  const isReached = async () => (await hasFired(target)) && (point.survives === true || isDead())
  await until('the point is reached', isReached, FIRES_WITHIN_MS)
  expect(isDead()).toBe(!point.survives)

  const { next, seconds } = await inTurn(async () => {
    const start = performance.now()
    const next = point.survives ? armed : await installation.start()
    return { next, seconds: (performance.now() - start) / 1000 }
  })
  await done
  await expectNothingLost(installation, context)
  await Promise.all([armed, next].map((each) => installation.kill(each)))
  return seconds
}

// Most of the time the points wait for leases and heartbeats, so several are tried at the same time.
const today = Math.floor(Date.now() / 86_400_000)
for (const [n, point] of POINTS.entries())
  for (const [storage, kills] of killsOf(point))
    test(`killed (-9) at a point of the scene ${point.scene}: ${point.at}, ${storage}`, {
      ...concurrent,
      skip: !isFull && n % SHARE !== today % SHARE,
      meta: { tried: kills },
    }, async (context) => {
      const installation = await Installation.open(storage, point.variables)
      context.onTestFinished(() => installation.close())
      for (let kill = 1; kill <= kills; kill++) {
        const name = `${point.scene}: ${point.at}, ${kill}`
        const seconds = await killAt(point, installation, name, context)
        await context.annotate(`ready again after ${seconds.toFixed(1)} s`)
        expect(seconds).toBeLessThanOrEqual(READY_WITHIN_SECONDS)
      }
    })

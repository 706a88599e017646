/**
 * Kills a server under many simultaneous uploads whose rows share commits: at named points of a commit and at random
 * moments.
 */
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { expect, type TestContext, test } from 'vitest'
import { folderUntilExit } from '../support/processes.ts'
import { untilDecided, upload } from './client.ts'
import { armedAt, hasFired } from './fail-points/armed.ts'
import { seeded } from './seeded.ts'
import { expectNothingLost, isFull, until, useInstallation } from './suite.ts'

const UPLOADS = 16
const SIZE = 5000
const SEED = 16
/** The points after the commit of a batch while the next batch waits, and after the COMMIT of a batch is sent. */
const POINTS = ['after the row', 'COMMIT of the commit sent', 'after the commit']
const AT_POINTS = Array.from({ length: isFull ? 5 : 1 }, () => POINTS).flat()
const AT_RANDOM = isFull ? 30 : 4
/** The time in which the uploads finish. */
const UPLOADING_MS = 250

const folder = folderUntilExit()
const installation = await useInstallation('filesystem')
const { log } = installation
let rounds = 0

/** Sends uploads that are repeated until they are stored, by any server. */
async function sendMany(): Promise<void> {
  const round = ++rounds
  const names = Array.from({ length: UPLOADS }, (_, n) => `killed-${round}-${n}`)
  const send = (name: string) =>
    untilDecided(
      () => installation.addresses[0],
      (url) => upload(url, log, { title: name, key: name, size: SIZE }),
    )
  for (const response of await Promise.all(names.map(send))) expect(response).toMatchObject({ status: 201 })
}

async function finishWithNextServer(done: Promise<void>): Promise<void> {
  const next = await installation.start()
  await done
  await installation.kill(next)
}

async function judge(context: TestContext): Promise<void> {
  const last = await installation.start()
  await expectNothingLost(installation, context)
  await installation.kill(last)
}

test(`killed (-9) between two batches and at a COMMIT during ${UPLOADS} simultaneous uploads`, {
  meta: { tried: AT_POINTS.length },
}, async (context) => {
  for (const point of AT_POINTS) {
    const target = { point, firedFile: join(folder, `${rounds}`) }
    const armed = installation.launch('serve', { ...armedAt(target), FAIL_SIZE: `${SIZE}` })
    installation.expectExit(armed)
    await armed.ready()
    const done = sendMany()
    await until(`${point} is reached`, () => hasFired(target))
    await installation.kill(armed)
    await finishWithNextServer(done)
  }
  await judge(context)
})

test(`killed (-9) at random moments during ${UPLOADS} simultaneous uploads`, {
  meta: { tried: AT_RANDOM },
}, async (context) => {
  const random = seeded(SEED)
  for (let kill = 0; kill < AT_RANDOM; kill++) {
    const server = await installation.start()
    const done = sendMany()
    await setTimeout(random() * UPLOADING_MS)
    await installation.kill(server)
    await finishWithNextServer(done)
  }
  await judge(context)
})

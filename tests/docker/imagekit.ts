/** The local ImageKit server: uploads to it, its death, and the return to the filesystem. */
import { sha256 } from '../samples.ts'
import { digestOf, lost, picture, upload } from './api.ts'
import { EngineProcesses } from './engine-processes.ts'
import type { Part } from './part.ts'
import { becomes } from './project.ts'

const uploads = async (name: string): Promise<boolean> => (await upload(name, await picture())).status === 201

export const imagekit: Part = async ({ project, checks }) => {
  await project.clear()
  await project.up()
  const plain = await upload('plain.jpg', await picture())
  await project.withImagekit('up', '--detach', '--build', '--wait')
  const { status, media } = await upload('imagekit.jpg', await picture())
  checks.equal('an upload to ImageKit', status, 201)
  checks.holds('its address', media !== undefined && /:8300\/local\//.test(media.url), media?.url)
  checks.equal('its bytes', media && (await digestOf(media.id)), sha256(await picture()))
  await using processes = await EngineProcesses.open()
  await processes.kill((await project.inspect('imagekit')).State.Pid)
  const start = performance.now()
  const isBack = await becomes(() => uploads(`after-death-${performance.now()}.jpg`), 30_000)
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  checks.holds('an upload succeeds after ImageKit was killed', isBack, `after ${seconds} s`)
  await project.up('--remove-orphans')
  checks.equal('back to the filesystem: healthy', await project.states(), Array(5).fill('healthy'))
  checks.equal(
    'back to the filesystem: no container of ImageKit',
    // Compose lists them in any order.
    (await project.compose('ps', '--all', '--orphans', '--services')).split('\n').toSorted(),
    (await services(project)).toSorted(),
  )
  checks.holds('back to the filesystem: an upload', await uploads('plain-again.jpg'))
  checks.equal('back to the filesystem: earlier bytes', plain.media && (await lost([plain.media])), [])
  const doctor = await project.attempt('exec', '-T', 'web', 'mediaport', 'doctor')
  checks.holds(
    'doctor reports the files at ImageKit and completes',
    /[1-9]\d* findings?/.test(doctor.stdout),
    doctor.stdout + doctor.stderr,
  )
}

const services = async (project: { compose: (...args: string[]) => Promise<string> }): Promise<readonly string[]> =>
  (await project.compose('config', '--services')).split('\n')

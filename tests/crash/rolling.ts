/** An earlier version beside today's on one database: both take uploads, and do each other's jobs. */
import { execFile, spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { mkdtemp, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ClientLog } from './client-log.ts'
import { Crew } from './crew.ts'
import { atTheEnd } from './ends-with-us.ts'
import { type Fault, notHere, playFaults, seeUntil } from './faults.ts'
import { Installation } from './installation.ts'
import { look } from './look.ts'
import { type Options, type Part, type Row, runAlone } from './part.ts'
import { upload } from './told.ts'

const ROOT = join(import.meta.dirname, '../..')
const git = async (...args: string[]) => (await promisify(execFile)('git', args, { cwd: ROOT })).stdout.trim()
const WHAT = 'an earlier version beside this one on one database'
/** How many earlier versions of what runs: the last, and one that is older. */
const STEPS = [1, 10]

export const rolling: Part = async (options) => {
  const steps = options.isFull ? STEPS : STEPS.slice(0, 1)
  const revisions = await git('log', '--first-parent', '--format=%h', '--', 'src').catch(() => '')
  const rows: Row[] = []
  for (const step of steps) {
    const revision = revisions.split('\n')[step]
    if (revision === undefined) rows.push(notHere(WHAT, `the history here has no ${step} commits before this one`))
    else rows.push(...(await beside(revision, step, options)))
  }
  return rows
}

async function beside(revision: string, step: number, options: Options): Promise<readonly Row[]> {
  const folder = await mkdtemp(join(tmpdir(), 'mediaport-rolling-'))
  const tree = join(folder, 'tree')
  atTheEnd(() => {
    spawnSync('git', ['worktree', 'remove', '--force', tree], { cwd: ROOT })
    rmSync(folder, { recursive: true })
  })
  await git('worktree', 'add', '--detach', tree, revision)
  await symlink(join(ROOT, 'node_modules'), join(tree, 'node_modules'))
  const cli = join(tree, 'src/main/cli.ts')
  const [installation, log] = [await Installation.open('filesystem'), new ClientLog()]
  const serve = (isEarlier: boolean) => installation.start('serve', { WORKER: 'off' }, isEarlier ? cli : undefined)
  // It begins, as in an upgrade, and migrates; this one joins it.
  await serve(true)
  await serve(false)
  const fault: Fault = {
    what: WHAT,
    tried: revision,
    async play(see) {
      const crew = new Crew({ clients: 3, seed: step, log, servers: () => installation.addresses })
      for (const [whose, path] of Object.entries({ 'the earlier': cli, "this one's": undefined })) {
        const worker = await installation.start('worker', {}, path)
        for (let round = 1; round <= (options.isFull ? 5 : 1); round++) {
          const sending = installation.addresses.map((server, n) =>
            upload(server, log, { title: `${round} for ${whose} worker, by server ${n}` }),
          )
          const ids = (await Promise.all(sending)).map(({ body }) => String(body['id']))
          await seeUntil(see, `${whose} worker has described an upload of each`, async () => {
            const { documents } = await look(installation)
            return ids.length === 2 && ids.every((id) => documents.has(id))
          })
        }
        await installation.kill(worker, 'SIGTERM')
      }
      await crew.end()
      see(crew.summary, log.acknowledged.length > 0)
      await installation.start('worker')
    },
  }
  return playFaults(`version ${revision} and this one`, [fault], installation, log, options)
}

if (import.meta.main) await runAlone(rolling)

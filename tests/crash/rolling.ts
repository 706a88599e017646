/** An earlier version and the current version on one database. Both accept uploads and run each other's jobs. */
import { execFile, spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { mkdtemp, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { onExit } from '../support/processes.ts'
import { ClientLog } from './client-log.ts'
import { checkUntil, type Fault, playFaults, skippedRow } from './faults.ts'
import { Installation } from './installation.ts'
import type { Part, PartOptions, Row } from './part.ts'
import { readStores } from './stores.ts'
import { upload } from './timed-requests.ts'
import { Workload } from './workload.ts'

const ROOT = join(import.meta.dirname, '../..')
const git = async (...args: string[]) => (await promisify(execFile)('git', args, { cwd: ROOT })).stdout.trim()
const WHAT = 'an earlier and the current version on one database'
/** How many commits of `src` before the current one: the last version, and an older one. */
const STEPS = [1, 10]

export const rolling: Part = async (options) => {
  const steps = options.isFull ? STEPS : STEPS.slice(0, 1)
  const revisions = await git('log', '--first-parent', '--format=%h', '--', 'src').catch(() => '')
  const rows: Row[] = []
  for (const step of steps) {
    const revision = revisions.split('\n')[step]
    if (revision === undefined) rows.push(skippedRow(WHAT, `this clone has no ${step} earlier commits`))
    else rows.push(...(await playBoth(revision, step, options)))
  }
  return rows
}

async function playBoth(revision: string, step: number, options: PartOptions): Promise<readonly Row[]> {
  const folder = await mkdtemp(join(tmpdir(), 'mediaport-rolling-'))
  const tree = join(folder, 'tree')
  onExit(() => {
    spawnSync('git', ['worktree', 'remove', '--force', tree], { cwd: ROOT })
    rmSync(folder, { recursive: true })
  })
  await git('worktree', 'add', '--detach', tree, revision)
  await symlink(join(ROOT, 'node_modules'), join(tree, 'node_modules'))
  const cli = join(tree, 'src/main/cli.ts')
  const [installation, log] = [await Installation.open('filesystem'), new ClientLog()]
  const serve = (isEarlier: boolean) => installation.start('serve', { WORKER: 'off' }, isEarlier ? cli : undefined)
  // The earlier version starts first, as in an upgrade. After the current version has migrated, it could not start.
  await serve(true)
  let worker = await installation.start('worker', {}, cli)
  await serve(false)
  const fault: Fault = {
    what: WHAT,
    tried: revision,
    async play(check) {
      const workload = new Workload({ clients: 3, seed: step, log, servers: () => installation.addresses })
      for (const version of ['earlier', 'current']) {
        if (version === 'current') worker = await installation.start('worker')
        for (let round = 1; round <= (options.isFull ? 5 : 1); round++) {
          const sending = installation.addresses.map((server, n) =>
            upload(server, log, { title: `${round} for the ${version} worker, by server ${n}` }),
          )
          const ids = (await Promise.all(sending)).map(({ body }) => String(body['id']))
          await checkUntil(check, `the ${version} worker has described an upload of each server`, async () => {
            const { documents } = await readStores(installation)
            return ids.length === 2 && ids.every((id) => documents.has(id))
          })
        }
        await installation.kill(worker, 'SIGTERM')
      }
      await workload.end()
      check(workload.summary, log.acknowledged.length > 0)
      await installation.start('worker')
    },
  }
  return playFaults(`version ${revision} and the current version`, [fault], installation, log, options)
}

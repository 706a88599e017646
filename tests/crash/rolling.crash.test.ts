/** An earlier version and the current version on one database. Both accept uploads and run each other's jobs. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { underLoad } from './history/load.ts'
import { Installation } from './installation.ts'
import { readStores } from './stores.ts'
import { isFull, until } from './suite.ts'

const ROOT = join(import.meta.dirname, '../..')
const git = async (...args: string[]) => (await promisify(execFile)('git', args, { cwd: ROOT })).stdout.trim()
/** How many commits of `src` before the current one: the last version, and an older one. */
const STEPS = isFull ? [1, 10] : [1]
const ROUNDS = isFull ? 5 : 1

test.for(STEPS)('the version of %i commits ago and the current version on one database', async (step, context) => {
  const revisions = await git('log', '--first-parent', '--format=%h', '--', 'src').catch(() => '')
  const revision = revisions.split('\n')[step]
  if (revision === undefined) return context.skip(`this clone has no ${step} earlier commits`)
  const folder = await mkdtemp(join(tmpdir(), 'mediaport-rolling-'))
  const tree = join(folder, 'tree')
  context.onTestFinished(async () => {
    await git('worktree', 'remove', '--force', tree)
    await rm(folder, { recursive: true })
  })
  await git('worktree', 'add', '--detach', tree, revision)
  await symlink(join(ROOT, 'node_modules'), join(tree, 'node_modules'))
  const cli = join(tree, 'src/main/cli.ts')
  const installation = await Installation.open('filesystem')
  context.onTestFinished(() => installation.close())

  // The earlier version starts first, as in an upgrade. After the current version has migrated, it could not start.
  await installation.start('serve', { WORKER: 'off' }, cli)
  let worker = await installation.start('worker', {}, cli)
  await installation.start('serve', { WORKER: 'off' })
  await underLoad(installation, { clients: 3, seed: step }, context, async (load) => {
    for (const version of ['earlier', 'current']) {
      if (version === 'current') worker = await installation.start('worker')
      for (let round = 1; round <= ROUNDS; round++) {
        const sending = installation.addresses.map((server, n) =>
          load.upload(-1, `${round} for the ${version} worker, by server ${n}`, { server, hasKey: false }),
        )
        const ids = (await Promise.all(sending)).map((media) => media?.id ?? '')
        expect(ids).toHaveLength(2)
        await until(`the ${version} worker has described an upload of each server`, async () => {
          const { documents } = await readStores(installation)
          return ids.every((id) => documents.has(id))
        })
      }
      await installation.kill(worker, 'SIGTERM')
    }
    await installation.start('worker')
  })
  await context.annotate(revision)
})

/** `down` and `up` keep all data and leave no anonymous volume. */
import { list, lost } from './api.ts'
import { run } from './command.ts'
import type { Part } from './part.ts'

const volumes = async (): Promise<readonly string[]> =>
  (await run(['docker', 'volume', 'ls', '--quiet'])).split('\n').toSorted()

export const downAndUp: Part = async ({ project, checks }) => {
  const [before, kept] = [await list(), await volumes()]
  await project.compose('stop')
  const statuses = await run(['docker', 'inspect', '--format', '{{.State.ExitCode}}', ...(await ids(project))])
  checks.equal('every service stops with status 0', new Set(statuses.split('\n')), new Set(['0']))
  await project.compose('down')
  await project.up()
  checks.equal('down and up keep every media item', [(await list()).length, await lost(before)], [before.length, []])
  checks.equal('down and up leave no volume', await volumes(), kept)
}

const ids = async (project: { compose: (...args: string[]) => Promise<string> }): Promise<readonly string[]> =>
  (await project.compose('ps', '--all', '--quiet')).split('\n')

/** Runs the commands of the section "With Docker" of the README. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { commandsOf } from './documented.ts'
import type { Part } from './part.ts'

/** Makes Bash print each command with its start time, and each command that fails. */
const TRACED = `exec 5>&2; BASH_XTRACEFD=5; PS4='@ $EPOCHREALTIME '; trap 'echo "failed with $?: $BASH_COMMAND" >&5' ERR; set -x\n`

export const firstMinute: Part = async ({ project, checks }) => {
  await project.clear()
  const blocks = commandsOf(await readFile(join(project.folder, 'README.md'), 'utf8'), '## With Docker')
  const start = Date.now()
  const { stdout, stderr } = await project.shell(`${TRACED}${blocks[0]}\ntrue the end`)
  const failures = stderr.match(/^failed with .*$/gm) ?? []
  checks.equal('README: no line fails', failures.length > 0 ? `${failures.join('; ')}\n${stderr.slice(-800)}` : '', '')
  const [answer] = /\{.*"file_id":.*\}/.exec(stdout) ?? []
  checks.holds('the response to its upload is the media item', answer !== undefined, answer ?? 'no response')
  checks.holds('its query shows the row', /\bpicture\.jpg\b[^{}]*\(1 row\)/.test(stdout), stdout.slice(-120))
  const steps = [...stderr.matchAll(/^@+ (\d+\.\d+) (.*)$/gm)]
  const [, answeredAt] = steps[steps.findIndex(([, , command]) => command?.startsWith('curl')) + 1] ?? []
  const seconds = answer ? (Number(answeredAt) - start / 1000).toFixed(1) : 'never'
  checks.holds('seconds until the first 201', answer !== undefined, seconds)
  checks.equal('every service is healthy', await project.states(), Array(5).fill('healthy'))
}

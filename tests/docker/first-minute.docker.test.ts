import { expect } from 'vitest'
import { withServices } from '../services.ts'
import { HEALTHY, it } from './project.ts'

/** Makes Bash print each command with its start time. */
const TRACED = `exec 5>&2; BASH_XTRACEFD=5; PS4='@ $EPOCHREALTIME '; set -ex\n`

withServices(['DOCKER_HOST'], 'The section "With Docker" of the README', () => {
  it('has commands that start all services, upload a file and show its row', async ({ project, annotate }) => {
    await project.clear()
    const [commands] = await project.documented('README.md', '## With Docker')
    const start = Date.now() / 1000
    // Fails if a line fails.
    const { stdout, stderr } = await project.shell(`${TRACED}${commands}\ntrue the end`)
    expect(stdout, 'the response to the upload').toMatch(/\{.*"file_id":.*\}/)
    expect(stdout, 'the row').toMatch(/\bpicture\.jpg\b[^{}]*\(1 row\)/)
    const steps = [...stderr.matchAll(/^@+ (\d+\.\d+) (.*)$/gm)]
    const [, answeredAt] = steps[steps.findIndex(([, , command]) => command?.startsWith('curl')) + 1] ?? []
    const seconds = Number(answeredAt) - start
    await annotate(`${seconds.toFixed(1)} s until the first 201`)
    expect(seconds).toBeGreaterThan(0)
    expect(await project.states()).toEqual(HEALTHY)
  })
})

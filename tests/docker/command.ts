import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'

export interface CommandOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
}

export interface Result {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command to its end and returns its exit status and output. */
export async function attempt(
  [file = '', ...args]: readonly string[],
  { cwd, env, input = '' }: CommandOptions = {},
): Promise<Result> {
  const child = spawn(file, args, { cwd, env: { ...process.env, ...env }, stdio: 'pipe' })
  child.stdin.on('error', () => {}).end(input)
  const [stdout, stderr, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { status: (status as number | null) ?? 1, stdout: stdout.trim(), stderr: stderr.trim() }
}

/**
 * Runs a command. Throws if it fails.
 * @returns Its output.
 */
export async function run(command: readonly string[], options?: CommandOptions): Promise<string> {
  const { status, stdout, stderr } = await attempt(command, options)
  if (status !== 0) throw new Error(`${command.join(' ')} ended with ${status}: ${stderr.slice(-2000)}`)
  return stdout
}

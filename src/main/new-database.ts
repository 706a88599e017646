import { fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const CHILD = fileURLToPath(new URL(`./make-database${extname(import.meta.url)}`, import.meta.url))
/** Its code runs once, so the time that V8 takes to optimise it is never won back. */
const EXEC_ARGV = ['--liftoff-only']
const UNFINISHED = 'db.new'
const ERROR_LINE = /^\w*Error.*: .*$/m

/**
 * Makes the embedded database of `dataDir` unless it is there. A child process does it beside its place, and only a whole
 * database is moved there. The caller must hold the lock of the data.
 * @returns its folder.
 */
export async function makeDatabase(dataDir: string): Promise<string> {
  const folder = join(dataDir, 'db')
  if (existsSync(folder)) return folder
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  // Processes that were killed left these. A child that outlives its parent for a moment writes to its own folder only.
  for (const name of readdirSync(dataDir))
    if (name.startsWith(UNFINISHED)) rmSync(join(dataDir, name), { recursive: true, force: true, maxRetries: 5 })
  const unfinished = mkdtempSync(join(dataDir, `${UNFINISHED}-`))
  try {
    await runChild(unfinished)
    renameSync(unfinished, folder)
    return folder
  } catch (cause) {
    rmSync(unfinished, { recursive: true, force: true })
    throw new Error(`The database in ${folder} can't be made: ${(cause as Error).message}`, { cause })
  }
}

async function runChild(folder: string): Promise<void> {
  const child = fork(CHILD, [folder], { execArgv: EXEC_ARGV, env: {}, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  let trouble = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (trouble += text))
  const [code, signal] = await once(child, 'close')
  process.off('exit', kill)
  if (code === 0) return
  const [reason = `the process that makes it ended with ${signal ?? code}`] = ERROR_LINE.exec(trouble) ?? []
  throw new Error(reason)
}

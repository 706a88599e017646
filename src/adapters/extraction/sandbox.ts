import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'

/** How much more memory a child may use than an idle child does. A reason in `reader.ts` repeats this number. */
const MAX_MEMORY_MIB = 512
const MEMORY_CHECK_INTERVAL_MS = 50
/** The limit of CPU time for a child. It ends a child that stays busy after its parent has died. */
const MAX_CPU_SECONDS = 3600
/** The heap limit of V8, in MiB. The limit of the system also covers memory outside of the heap. */
const HEAP_OPTION = '--max-old-space-size=384'
const CHILD_FILE = fileURLToPath(new URL(`./child${extname(import.meta.url)}`, import.meta.url))

/** The data size of an idle child, measured once with an extra child. `undefined` if the system is not Linux. */
let idleDataKib: Promise<number | undefined> | undefined

/**
 * Starts a child process and waits until it is ready. Its memory is limited, and its environment is empty, so that a
 * file which takes over the child finds no secrets. Rejects if the child does not start.
 */
export async function startChild(): Promise<ChildProcess> {
  idleDataKib ??= measureIdleData().catch((error: unknown) => {
    // The next call measures again, because the cause may be temporary.
    idleDataKib = undefined
    throw error
  })
  const idle = await idleDataKib
  const child =
    idle === undefined
      ? watchMemory(spawnChild())
      : spawnChild(`ulimit -t ${MAX_CPU_SECONDS} && ulimit -d ${idle + MAX_MEMORY_MIB * 1024}`)
  await waitUntilReady(child)
  return child
}

/** @param limit A shell command that sets limits before the child starts. */
function spawnChild(limit?: string): ChildProcess {
  const node = [process.execPath, HEAP_OPTION, CHILD_FILE]
  const [command, ...args] = limit === undefined ? node : ['/bin/sh', '-c', `${limit} && exec "$@"`, 'sh', ...node]
  return spawn(command ?? '', args, {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    serialization: 'advanced',
    env: {},
  })
}

/** Resolves at the first message of the child. Rejects if the child exits before. */
async function waitUntilReady(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`The process that reads metadata exited with ${code ?? signal} before it was ready.`)
  })
  await Promise.race([once(child, 'message'), exit])
  exit.catch(() => undefined)
}

async function measureIdleData(): Promise<number | undefined> {
  if (process.platform !== 'linux') return undefined
  const child = spawnChild()
  try {
    await waitUntilReady(child)
    const [, data] = /^VmData:\s+(\d+) kB/m.exec(await readFile(`/proc/${child.pid}/status`, 'utf8')) ?? []
    return Number(data)
  } finally {
    child.kill('SIGKILL')
  }
}

/** Kills the child if it uses too much memory. For systems other than Linux, where no limit of the system does so. */
function watchMemory(child: ChildProcess): ChildProcess {
  const timer = setInterval(() => {
    const ps = spawn('ps', ['-o', 'rss=', '-p', String(child.pid)], { stdio: ['ignore', 'pipe', 'ignore'] })
    ps.stdout.on('data', (kib: Buffer) => {
      if (Number(kib.toString()) > MAX_MEMORY_MIB * 1024) child.kill('SIGKILL')
    })
    ps.on('error', () => {})
  }, MEMORY_CHECK_INTERVAL_MS)
  timer.unref()
  child.once('exit', () => clearInterval(timer))
  return child
}

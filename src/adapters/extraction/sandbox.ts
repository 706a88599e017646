import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'

/** How much memory a child may take beyond what it has when it does nothing; also said to people. */
const ROOM_MIB = 512
const LOOK_EVERY_MS = 50
/** In seconds of the processor's time: what ends a child whose parent died while it was busy. */
const LIFETIME = 3600
/** V8 gives up before this; what is not V8's is limited by the system. */
const HEAP = '--max-old-space-size=384'
const CHILD = fileURLToPath(new URL(`./child${extname(import.meta.url)}`, import.meta.url))

/** What an idle child counts as data, in KiB, asked of the first one that was started; unknown beside Linux. */
let idleData: Promise<number | undefined> | undefined

/** Starts a child that can't take more memory than it was given, and knows nothing of this process's secrets. */
export async function startChild(): Promise<ChildProcess> {
  idleData ??= measure().catch((error: unknown) => {
    // The next one asks again: what kept this from starting may be over by then.
    idleData = undefined
    throw error
  })
  const idle = await idleData
  const child =
    idle === undefined ? watched(run()) : run(`ulimit -t ${LIFETIME} && ulimit -d ${idle + ROOM_MIB * 1024}`)
  await begun(child)
  return child
}

/** @param limit a command of the shell that is run before it. */
function run(limit?: string): ChildProcess {
  const node = [process.execPath, HEAP, CHILD]
  const [command, ...args] = limit === undefined ? node : ['/bin/sh', '-c', `${limit} && exec "$@"`, 'sh', ...node]
  return spawn(command ?? '', args, {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    serialization: 'advanced',
    env: {},
  })
}

/** Settles with its first message; rejects when it can't be started. */
async function begun(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`the process that reads files ended with ${code ?? signal} before it began`)
  })
  await Promise.race([once(child, 'message'), ended])
  ended.catch(() => undefined)
}

async function measure(): Promise<number | undefined> {
  if (process.platform !== 'linux') return undefined
  const child = run()
  try {
    await begun(child)
    const [, data] = /^VmData:\s+(\d+) kB/m.exec(await readFile(`/proc/${child.pid}/status`, 'utf8')) ?? []
    return Number(data)
  } finally {
    child.kill('SIGKILL')
  }
}

/** Where the system sets no such limit, we look and end it ourselves. */
function watched(child: ChildProcess): ChildProcess {
  const timer = setInterval(() => {
    const ps = spawn('ps', ['-o', 'rss=', '-p', String(child.pid)], { stdio: ['ignore', 'pipe', 'ignore'] })
    ps.stdout.on('data', (kib: Buffer) => {
      if (Number(kib.toString()) > ROOM_MIB * 1024) child.kill('SIGKILL')
    })
    ps.on('error', () => {})
  }, LOOK_EVERY_MS)
  timer.unref()
  child.once('exit', () => clearInterval(timer))
  return child
}

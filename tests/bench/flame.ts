/**
 * Draws where a server, or the workers of the pipeline, spend their CPU time under one workload.
 *
 *   tests/services/all.sh node tests/bench/flame.ts --only small [--target mediaport] [--cli OTHER/src/main/cli.ts] >small.svg
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Frame, flameGraph } from './flame-graph.ts'
import { BenchServer } from './server.ts'
import { CLI, TARGETS } from './targets.ts'
import { WORKLOADS } from './workloads.ts'

interface Profile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
    readonly children?: readonly number[]
  }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

/** Modules are loaded once, and are no part of what a request costs. */
const LOADING = 'node:internal/modules/'

const { values: options } = parseArgs({
  options: { only: { type: 'string' }, target: { type: 'string', default: 'mediaport' }, cli: { type: 'string' } },
})
const workload = WORKLOADS.find(({ name }) => name === options.only)
const target = TARGETS.find(({ name }) => name === options.target)
if (!workload || !target) throw new Error('--only names a workload and --target a target of the benchmark')

const folder = await mkdtemp(join(tmpdir(), 'mediaport-flame-'))
const server = await BenchServer.start({
  ...target,
  args: target.args.map((each) => (each === CLI ? (options.cli ?? CLI) : each)),
  variables: { ...target.variables, NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${folder}` },
})
try {
  await workload.measure(server, { seconds: 5, isShort: false })
  // A process writes its profile when it ends by itself.
  await server.stopOthers('SIGTERM')
  await server.stop('SIGTERM')
  const isServer = (name: string) => name.includes(`.${server.pid}.`)
  const names = (await readdir(folder)).filter((name) => isServer(name) === (workload.name !== 'pipeline'))
  const profiles = await Promise.all(
    names.map(async (name): Promise<Profile> => JSON.parse(await readFile(join(folder, name), 'utf8'))),
  )
  const root: Frame = { name: 'all', owner: '', self: 0, children: new Map() }
  for (const profile of profiles) add(root, profile)
  process.stdout.write(flameGraph(root, `${workload.title}: ${target.label}`))
} finally {
  await server.remove()
  await rm(folder, { recursive: true })
}

/** Adds the time of each of the profile's samples, in µs, to the frame that it was taken in. Idle time and the loading of modules don't count. */
function add(root: Frame, { nodes, samples, timeDeltas }: Profile): void {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const frames = new Map<number, Frame>()
  const visit = (id: number, parent: Frame) => {
    const node = byId.get(id)
    if (!node) return
    const { functionName, url, lineNumber } = node.callFrame
    if (functionName === '(idle)' || url.startsWith(LOADING)) return
    const name = `${functionName || '(anonymous)'} ${shortened(url)}${lineNumber > 0 ? `:${lineNumber + 1}` : ''}`
    let frame = parent.children.get(name)
    if (!frame)
      parent.children.set(name, (frame = { name, owner: ownerOf(functionName, url), self: 0, children: new Map() }))
    frames.set(id, frame)
    for (const child of node.children ?? []) visit(child, frame)
  }
  const [top] = nodes
  for (const child of top?.children ?? []) visit(child, root)
  for (const [nth, id] of samples.entries()) {
    const frame = frames.get(id)
    if (frame) frame.self += timeDeltas[nth] ?? 0
  }
}

function ownerOf(functionName: string, url: string): string {
  if (functionName === '(garbage collector)') return 'garbage collection'
  if (url.startsWith('node:') || url === '') return 'Node'
  return /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? 'mediaport'
}

function shortened(url: string): string {
  return url.replace(/^.*\/(node_modules|src)\//, '').replace(/^file:.*\//, '')
}

import { createHash, randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { basename, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { Command, InvalidArgumentError, Option } from 'commander'
import type { Mediaport } from '../../application/mediaport.ts'
import type { Client, Failure, LocalFile, MediaView } from './client.ts'
import { type DoctorOptions, examine } from './doctor-command.ts'
import { findFiles } from './find-files.ts'
import { type MoveOptions, moveFiles } from './move-command.ts'
import { type RebuildOptions, rebuildProjections } from './rebuild-command.ts'
import { humanSize, printable, progressBar } from './terminal.ts'

export interface Actions {
  /** Of the package. */
  readonly version: string
  /** Runs until the process is asked to stop. */
  readonly serve: () => Promise<void>
  /** As `serve`, for the jobs alone. */
  readonly worker: () => Promise<void>
  readonly migrate: () => Promise<{ applied: readonly string[] }>
  /** @param server its address; without one, the use cases in this process. */
  readonly open: (server: string | undefined) => Promise<Client>
  /** The use cases in this process. */
  readonly openMediaport: () => Promise<{ mediaport: Mediaport; close: () => Promise<void> }>
  /** Names of the storages that rows may name. */
  readonly storages: readonly string[]
}

interface UploadOptions {
  title?: string
  tag: string[]
  idempotent?: boolean
}

interface Shared {
  server?: string
  json?: boolean
}

/** What `mediaport` understands; every command sets the exit status 1 when anything of it failed. */
export function createProgram({ version, serve, worker, migrate, open, openMediaport, storages }: Actions): Command {
  const program = new Command('mediaport')
    .version(version)
    .description('Takes files in and never loses, doubles or orphans one.')

  program.command('serve').description('run the HTTP server').action(serve)

  program.command('worker').description('do the jobs of servers that run with WORKER=off').action(worker)

  program
    .command('migrate')
    .description('bring the database up to date; safe beside a running server')
    .action(async () => {
      const { applied } = await migrate()
      print(applied.length === 0 ? 'The database is up to date.' : `Applied ${applied.join(', ')}.`)
    })

  shared(program.command('upload').description('upload files, and all files of folders'))
    .argument('<path...>')
    .option('--title <title>', 'a title for each file; by default its name')
    .option('--idempotent', 'upload nothing twice: a file that was not changed since is known again')
    .option('--tag <tag>', 'a tag for each file; may be repeated', (tag: string, tags: string[]) => [...tags, tag], [])
    .action(async (paths: string[], { title, tag: tags, idempotent, server, json }: Shared & UploadOptions) =>
      using(await open(server), async (client) => {
        for (const path of paths)
          for await (const found of findFiles(path)) {
            if (found.isErr()) {
              fail(found.error, json ? { path: found.error.path } : found.error.path)
              continue
            }
            const file = found.value
            const bar = progressBar(basename(file.path), file.size)
            const uploaded = await client.upload(file, { title, tags, key: keyOf(file, idempotent) }, (sent) =>
              bar.show(sent),
            )
            bar.end()
            if (uploaded.isErr()) fail(uploaded.error, json ? { path: file.path } : file.path)
            else if (json) print(JSON.stringify({ path: file.path, media: uploaded.value }))
            else print(`${printable(file.path)}  ${uploaded.value.id}`)
          }
      }),
    )

  shared(program.command('list').description('list media, newest first'))
    .option('--limit <n>', 'at most so many', parseLimit, 20)
    .option('--tag <tag>', 'only those with this tag')
    .option('--cursor <cursor>', 'go on from `next` of the page before')
    .action(async ({ limit, tag, cursor, server, json }: Shared & { limit: number; tag?: string; cursor?: string }) =>
      using(await open(server), async (client) => {
        const page = await client.list({ limit, tag, cursor })
        if (page.isErr()) return fail(page.error, json ? {} : undefined)
        if (json) return print(JSON.stringify(page.value))
        for (const media of page.value.items) print(line(media))
        if (page.value.next !== null) print(`more: --cursor ${printable(page.value.next)}`)
      }),
    )

  shared(program.command('get').description('show a media, or save its content'))
    .argument('<id>')
    .option('--output <file>', 'where to save the content; - for standard output')
    .action(async (id: string, { output, server, json }: Shared & { output?: string }) =>
      using(await open(server), async (client) => {
        if (output !== undefined) {
          const content = await client.content(id)
          if (content.isErr()) return fail(content.error, json ? { id } : id)
          const target = output === '-' ? process.stdout : createWriteStream(output)
          return pipeline(content.value, target).catch(({ message }) =>
            fail({ code: 'not-saved', message: `It could not be saved whole: ${message}` }, json ? { id } : id),
          )
        }
        const media = await client.get(id)
        if (media.isErr()) return fail(media.error, json ? { id } : id)
        if (json) return print(JSON.stringify(media.value))
        for (const [name, value] of Object.entries(media.value)) print(`${name.padEnd(12)}${printable(String(value))}`)
      }),
    )

  program
    .command('doctor')
    .description('compare rows, files, metadata and titles; exit status 1 when something is wrong')
    .option('--repair', 'let the jobs of rows that need it be done again')
    .option('--delete-unknown', 'with --repair: delete files that no row knows')
    .option('--yes', 'also when more than 1 % of all files are unknown')
    .option('--json', 'print JSON')
    .action(async (options: DoctorOptions) => {
      const { mediaport, close } = await openMediaport()
      process.exitCode = await examine(mediaport.doctor, options)
      await close()
    })

  program
    .command('rebuild')
    .description('make again what the metadata store and the title cache lost')
    .option('--metadata', 'only the metadata store')
    .option('--titles', 'only the title cache')
    .action(async (options: RebuildOptions) => {
      const { mediaport, close } = await openMediaport()
      process.exitCode = await rebuildProjections(mediaport.rebuild, options)
      await close()
    })

  program
    .command('move')
    .description('move the files of all media from one storage to another, beside running servers')
    .addOption(oneOf('--from <storage>', 'where they are', storages))
    .addOption(oneOf('--to <storage>', 'where they are to be', storages))
    .option('--dry-run', 'only count them')
    .action(async (options: MoveOptions) => {
      const { mediaport, close } = await openMediaport()
      process.exitCode = await moveFiles(mediaport.moveMedia, options)
      await close()
    })

  return program
}

const oneOf = (flags: string, what: string, choices: readonly string[]): Option =>
  new Option(flags, what).choices(choices).makeOptionMandatory()

const shared = (command: Command): Command =>
  command
    .option('--server <url>', 'a running server to talk to; by default the data of this folder is used directly')
    .option('--json', 'print JSON, one value a line')

async function using(client: Client, work: (client: Client) => Promise<void>): Promise<void> {
  try {
    await work(client)
  } finally {
    await client.close()
  }
}

/** @param subject what failed: an object where JSON is asked for, else a word for people. */
function fail({ code, message }: Failure, subject: object | string | undefined): void {
  process.exitCode = 1
  if (typeof subject === 'object') return print(JSON.stringify({ ...subject, error: { code, message } }))
  console.error(`${subject === undefined ? '' : `${printable(subject)}: `}${printable(message)} [${printable(code)}]`)
}

/** A name for this upload, so that a retry makes no second media; with `idempotent` the same as long as the file is. */
const keyOf = ({ path, size, modifiedAt }: LocalFile, idempotent = false): string =>
  idempotent
    ? createHash('sha256')
        .update(JSON.stringify([resolve(path), size, modifiedAt.getTime()]))
        .digest('hex')
    : randomUUID()

const print = (text: string): void => console.log(text)

const line = ({ id, created_at, size_bytes, mime_type, title }: MediaView): string =>
  [id, created_at, humanSize(size_bytes).padStart(10), mime_type.padEnd(16), title].map(printable).join('  ')

function parseLimit(raw: string): number {
  if (/^\d{1,3}$/.test(raw)) return Number(raw)
  throw new InvalidArgumentError('It takes a whole number from 1 to 100.')
}

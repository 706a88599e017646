import { createHash, randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { basename, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { Command, InvalidArgumentError, Option } from 'commander'
import type { Mediaport } from '../../application/mediaport.ts'
import type { Client, ClientError, LocalFile, MediaItem } from './client.ts'
import { type DoctorOptions, examine } from './doctor-command.ts'
import { findFiles } from './find-files.ts'
import { type MoveOptions, moveFiles } from './move-command.ts'
import { type RebuildOptions, rebuildProjections } from './rebuild-command.ts'
import { escapeControls, humanSize, progressBar } from './terminal.ts'

/** What the commands run. */
export interface Actions {
  /** The version of the package. */
  readonly version: string
  /** Starts the HTTP server, which runs until the process receives a signal. */
  readonly serve: () => Promise<void>
  /** Starts a worker, which runs until the process receives a signal. */
  readonly worker: () => Promise<void>
  /** Applies the migrations and returns the names of those that were missing. */
  readonly migrate: () => Promise<{ applied: readonly string[] }>
  /** Creates an API key. Exits with a message if the name or a scope is not valid. */
  readonly createKey: (name: string, scopes: readonly string[]) => Promise<{ key: string; entry: string }>
  /** @param server The URL of a server. If it is `undefined`, the client runs the use cases in this process. */
  readonly open: (server: string | undefined) => Promise<Client>
  /** Starts the use cases in this process. */
  readonly openMediaport: () => Promise<{ mediaport: Mediaport; close: () => Promise<void> }>
  /** The names of all storages. */
  readonly storages: readonly string[]
}

interface UploadOptions {
  title?: string
  tag: string[]
  idempotent?: boolean
}

interface CommonOptions {
  server?: string
  json?: boolean
}

/** Returns the command line `mediaport`. Each command sets the exit status 1 if a part of its work failed. */
export function createProgram({
  version,
  serve,
  worker,
  migrate,
  createKey,
  open,
  openMediaport,
  storages,
}: Actions): Command {
  const program = new Command('mediaport').version(version).description('Stores files and serves them.')

  program.command('serve').description('run the HTTP server').action(serve)

  program.command('worker').description('run the jobs of servers with WORKER=off').action(worker)

  program
    .command('migrate')
    .description('apply database migrations; safe while servers run')
    .action(async () => {
      const { applied } = await migrate()
      print(applied.length === 0 ? 'The database is up to date.' : `Applied ${applied.join(', ')}.`)
    })

  program
    .command('key')
    .description('create an API key, and its entry for the variable API_KEYS of the server')
    .argument('<name>', 'the owner of what the key uploads: lower-case letters, digits and hyphens')
    .requiredOption('--scopes <list>', 'what the key may do, such as read,upload', (list: string) => list.split(/[,+]/))
    .action(async (name: string, { scopes }: { scopes: string[] }) => {
      const { key, entry } = await createKey(name, scopes)
      print(`key, shown only now:  ${key}\nentry for API_KEYS:   ${entry}`)
    })

  withCommonOptions(program.command('upload').description('upload files and all files in folders'))
    .argument('<path...>')
    .option('--title <title>', 'title of each file; by default its name')
    .option(
      '--idempotent',
      'make the idempotency key of path, size and modification time, so that an unchanged file is stored once',
    )
    .option('--tag <tag>', 'tag of each file; may be repeated', (tag: string, tags: string[]) => [...tags, tag], [])
    .action(async (paths: string[], { title, tag: tags, idempotent, server, json }: CommonOptions & UploadOptions) =>
      withClient(await open(server), async (client) => {
        for (const path of paths)
          for await (const result of findFiles(path)) {
            if (result.isErr()) {
              fail(result.error, json ? { path: result.error.path } : result.error.path)
              continue
            }
            const file = result.value
            const bar = progressBar(basename(file.path), file.size)
            const uploaded = await client.upload(
              file,
              { title, tags, key: idempotencyKeyOf(file, idempotent) },
              (sentBytes) => bar.show(sentBytes),
            )
            bar.end()
            if (uploaded.isErr()) fail(uploaded.error, json ? { path: file.path } : file.path)
            else if (json) print(JSON.stringify({ path: file.path, media: uploaded.value }))
            else print(`${escapeControls(file.path)}  ${uploaded.value.id}`)
          }
      }),
    )

  withCommonOptions(program.command('list').description('list media items, newest first'))
    .option('--limit <n>', 'maximum number of items, 1 to 100', parseLimit, 20)
    .option('--tag <tag>', 'only media items with this tag')
    .option('--cursor <cursor>', 'continue after the previous page: its `next`')
    .action(
      async ({ limit, tag, cursor, server, json }: CommonOptions & { limit: number; tag?: string; cursor?: string }) =>
        withClient(await open(server), async (client) => {
          const page = await client.list({ limit, tag, cursor })
          if (page.isErr()) return fail(page.error, json ? {} : undefined)
          if (json) return print(JSON.stringify(page.value))
          for (const media of page.value.items) print(mediaLine(media))
          if (page.value.next !== null) print(`next page: --cursor ${escapeControls(page.value.next)}`)
        }),
    )

  withCommonOptions(program.command('get').description('show a media item, or save its file'))
    .argument('<id>')
    .option('--output <file>', 'where to save the file; - for standard output')
    .action(async (id: string, { output, server, json }: CommonOptions & { output?: string }) =>
      withClient(await open(server), async (client) => {
        if (output !== undefined) {
          const content = await client.content(id)
          if (content.isErr()) return fail(content.error, json ? { id } : id)
          const target = output === '-' ? process.stdout : createWriteStream(output)
          return pipeline(content.value, target).catch(({ message }) =>
            fail({ code: 'not-saved', message: `The file was not saved completely: ${message}` }, json ? { id } : id),
          )
        }
        const media = await client.get(id)
        if (media.isErr()) return fail(media.error, json ? { id } : id)
        if (json) return print(JSON.stringify(media.value))
        for (const [name, value] of Object.entries(media.value))
          print(`${name.padEnd(12)}${escapeControls(String(value))}`)
      }),
    )

  program
    .command('doctor')
    .description('compare rows, files, metadata and titles; exit status 1 if there are findings')
    .option('--repair', 'repair what the rows allow, such as running jobs again')
    .option('--delete-unknown', 'with --repair: delete files that belong to no row')
    .option('--yes', 'with --delete-unknown: delete even if more than 1 % of all files are unknown')
    .option('--json', 'print JSON')
    .action(async (options: DoctorOptions) => {
      const { mediaport, close } = await openMediaport()
      process.exitCode = await examine(mediaport.doctor, options)
      await close()
    })

  program
    .command('rebuild')
    .description('rebuild missing entries of the metadata store and the title cache')
    .option('--metadata', 'only the metadata store')
    .option('--titles', 'only the title cache')
    .action(async (options: RebuildOptions) => {
      const { mediaport, close } = await openMediaport()
      process.exitCode = await rebuildProjections(mediaport.rebuild, options)
      await close()
    })

  program
    .command('move')
    .description('move the files of all media items to another storage; safe while servers run')
    .addOption(oneOf('--from <storage>', 'storage that has the files', storages))
    .addOption(oneOf('--to <storage>', 'storage that receives the files', storages))
    .option('--dry-run', 'only count the files')
    .action(async (options: MoveOptions) => {
      const { mediaport, close } = await openMediaport()
      process.exitCode = await moveFiles(mediaport.moveMedia, options)
      await close()
    })

  return program
}

const oneOf = (flags: string, description: string, choices: readonly string[]): Option =>
  new Option(flags, description).choices(choices).makeOptionMandatory()

const withCommonOptions = (command: Command): Command =>
  command
    .option(
      '--server <url>',
      'URL of a running server; by default the data in DATA_DIR or DATABASE_URL is used directly',
    )
    .option('--json', 'print JSON, one value per line')

async function withClient(client: Client, work: (client: Client) => Promise<void>): Promise<void> {
  try {
    await work(client)
  } finally {
    await client.close()
  }
}

/**
 * Prints an error and sets the exit status 1.
 *
 * @param subject What failed: an object to print JSON, or text to print a line on standard error.
 */
function fail({ code, message }: ClientError, subject: object | string | undefined): void {
  process.exitCode = 1
  if (typeof subject === 'object') return print(JSON.stringify({ ...subject, error: { code, message } }))
  console.error(
    `${subject === undefined ? '' : `${escapeControls(subject)}: `}${escapeControls(message)} [${escapeControls(code)}]`,
  )
}

/**
 * The idempotency key of an upload. With `idempotent`, it depends only on the path, size and modification time of the
 * file.
 */
const idempotencyKeyOf = ({ path, size, modifiedAt }: LocalFile, idempotent = false): string =>
  idempotent
    ? createHash('sha256')
        .update(JSON.stringify([resolve(path), size, modifiedAt.getTime()]))
        .digest('hex')
    : randomUUID()

const print = (text: string): void => console.log(text)

const mediaLine = ({ id, created_at, size_bytes, mime_type, title }: MediaItem): string =>
  [id, created_at, humanSize(size_bytes).padStart(10), mime_type.padEnd(16), title].map(escapeControls).join('  ')

function parseLimit(raw: string): number {
  if (/^\d{1,3}$/.test(raw)) return Number(raw)
  throw new InvalidArgumentError('It must be a whole number from 1 to 100.')
}

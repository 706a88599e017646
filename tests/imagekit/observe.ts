import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { noise } from '../samples.ts'
import type { Switches } from './switches.ts'
import type { Answer, VendorClient } from './vendor-client.ts'

export interface Seen {
  /** Absent where it could not be told. */
  readonly value: boolean | number | undefined
  /** What was seen, for people. */
  readonly what: string
}

const MB = 1e6
const MIB = 1024 ** 2
const LAG_AT_MOST = 60_000
const FILM = join(import.meta.dirname, '../samples/film.mp4')

/** One for each switch: what an account does. Each makes the files that it needs, in the client's folder. */
export const OBSERVATIONS: Readonly<Record<keyof Switches, (client: VendorClient) => Promise<Seen>>> = {
  // First, while nothing has made the folder.
  unknownFolderIsEmpty: async (client) => {
    const { status } = await client.api('GET', `/v1/files?path=${encodeURIComponent(client.target.folder)}&limit=1`)
    return { value: status === 200, what: `the list of a folder that nobody made: ${status}` }
  },

  chunkedUploads: async (client) => {
    const { status } = await client.upload({ fileName: 'chunked', bytes: [noise(MIB)] })
    return { value: status === 200, what: `1 MiB without Content-Length: ${status}` }
  },

  ranges: async (client) => {
    await small(client, 'ranges')
    const { status } = await client.deliver('ranges', { headers: { Range: 'bytes=1-2' } })
    return { value: status === 206, what: `bytes=1-2 of a raw file: ${status}` }
  },

  answersHead: async (client) => {
    await small(client, 'head')
    const { status } = await client.deliver('head', { method: 'HEAD' })
    return { value: status === 200, what: `HEAD of a raw file: ${status}` }
  },

  privateRawFiles: async (client) => {
    const isPrivateFile = 'true'
    await small(client, 'private', { isPrivateFile })
    const film = await readFile(FILM)
    await client.upload({ fileName: 'private.mp4', bytes: [film], size: film.length, fields: { isPrivateFile } })
    const [raw, video] = [await client.deliver('private'), await client.deliver('private.mp4')]
    const isRefused = ({ status }: Response) => status === 401 || status === 403
    return {
      value: isRefused(raw) && isRefused(video),
      what: `without a signature: raw file ${raw.status}, video ${video.status}`,
    }
  },

  refusesEmptyFiles: async (client) => {
    const { status } = await client.upload({ fileName: 'empty', bytes: [], size: 0 })
    return { value: status !== 200, what: `no bytes at all: ${status}` }
  },

  refusesEarly: async (client) => {
    // More than any listed plan but negotiated ones take of a raw file.
    const [all, untilLook] = [60 * MB, 55 * MB]
    let sent = 0
    async function* bytes() {
      for (const chunk = noise(MB); sent < all; sent += MB) {
        // Time for an answer to come.
        if (sent === untilLook) await setTimeout(3000)
        yield chunk
      }
    }
    const end = await client.upload({ fileName: 'large', bytes: bytes(), size: all }).catch((error: Error) => error)
    const at = `${sent / MB} of ${all / MB} MB`
    if (end instanceof Error) return { value: true, what: `cut off after ${at}: ${end.message}` }
    if (end.status === 200) return { value: undefined, what: `this plan takes ${all / MB} MB` }
    return { value: sent < all, what: `${end.status} after ${at}` }
  },

  keepsUnicodeNames: async (client) => {
    const { body } = await small(client, 'é ß')
    const name = property(body, 'name')
    return { value: name === 'é_ß', what: `"é ß" is called ${JSON.stringify(name)}` }
  },

  keepsFileId: async (client) => {
    const [first, second] = [await small(client, 'again'), await small(client, 'again')]
    const ids = [first, second].map(({ body }) => property(body, 'fileId'))
    return { value: ids[0] !== undefined && ids[0] === ids[1], what: `written over: ${ids.join(', then ')}` }
  },

  refusesVersion101: async (client) => {
    for (let n = 1; n <= 101; n++) {
      const { status, body } = await small(client, 'versions')
      if (status === 200) continue
      const what = `version ${n}: ${status} ${JSON.stringify(property(body, 'message'))}`
      return { value: n === 101 ? true : undefined, what }
    }
    return { value: false, what: 'version 101: 200' }
  },

  listLag: async (client) => {
    const { body } = await small(client, 'lag')
    const shown = await until(async () => (await client.find('lag')).length === 1)
    await client.api('DELETE', `/v1/files/${String(property(body, 'fileId'))}`)
    const gone = await until(async () => (await client.find('lag')).length === 0)
    return {
      value: Math.max(shown, gone),
      what: `a new file is listed after ${shown} ms, a deleted one for ${gone} ms`,
    }
  },

  callsPerSecond: async (client) => {
    const began = performance.now()
    const ask = () => client.api('GET', '/v1/files?limit=1', undefined, false)
    const answers = await Promise.all(Array.from({ length: 150 }, ask))
    const refused = answers.find(({ status }) => status === 429)
    const passed = `${answers.length} lists in ${Math.round(performance.now() - began)} ms`
    if (!refused) return { value: 0, what: `${passed}: all answered` }
    const [limit, interval, reset] = ['limit', 'interval', 'reset'].map((name) =>
      Number(refused.headers.get(`x-ratelimit-${name}`)),
    )
    const value = ((limit ?? 0) * 1000) / (interval ?? 1000)
    return { value, what: `${passed}: 429 with limit ${limit}, interval ${interval}, reset ${reset}` }
  },
}

const small = (client: VendorClient, fileName: string, fields = {}): Promise<Answer> =>
  client.upload({ fileName, bytes: [noise(1000)], size: 1000, fields })

const property = (body: unknown, name: string): unknown =>
  typeof body === 'object' && body !== null ? Object.entries(body).find(([key]) => key === name)?.[1] : undefined

/** How long it took in ms; 0 where it was so at once. */
async function until(isSo: () => Promise<boolean>): Promise<number> {
  const began = performance.now()
  for (let looks = 0; ; looks++) {
    if (await isSo()) return looks === 0 ? 0 : Math.round(performance.now() - began)
    if (performance.now() - began > LAG_AT_MOST) return Number.POSITIVE_INFINITY
    await setTimeout(20)
  }
}

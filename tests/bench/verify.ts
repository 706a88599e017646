import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import type { Upload } from './load.ts'
import type { BenchServer } from './server.ts'

const SAMPLE = 20
const SAMPLE_BYTES = 1024 ** 3

/**
 * Throws unless every upload has its row and its file, and no other is there, and the bytes and digests of a sample are
 * what was sent.
 *
 * @param otherFiles how many unfinished files there may be beside them.
 */
export async function verify(server: BenchServer, uploads: readonly Upload[], { otherFiles = 0 } = {}): Promise<void> {
  const { name, rows, keepsFiles, digests } = server.target
  const files = keepsFiles ? await server.files() : undefined
  const counts = {
    files: files ? Math.max(files.size - otherFiles, Math.min(files.size, uploads.length)) : uploads.length,
    rows: rows === 'none' ? uploads.length : await server.countRows(),
  }
  for (const [what, count] of Object.entries(counts))
    if (count !== uploads.length) throw new Error(`${name} answered ${uploads.length} uploads and has ${count} ${what}`)

  for (const { payload, nonce, body } of sampleOf(uploads)) {
    const text = body.toString()
    const answer: { file_id: string; sha256?: string } = JSON.parse(text)
    const sent = payload.sha256(nonce)
    if (digests && answer.sha256 !== sent) throw new Error(`${name} answered with another digest: ${text}`)
    if (!files) continue
    const path = files.get(answer.file_id)
    if (path === undefined) throw new Error(`${name} has no file for ${text}`)
    if ((await sha256Of(path)) !== sent) throw new Error(`${name} stored other bytes: ${text}`)
  }
}

/** Spread over all of them, and of no more bytes than are quickly read. */
function sampleOf(uploads: readonly Upload[]): Upload[] {
  const most = Math.floor(SAMPLE_BYTES / (uploads[0]?.payload.size ?? 1))
  const count = Math.max(1, Math.min(SAMPLE, most, uploads.length))
  return Array.from({ length: count }, (_, n) => uploads[Math.floor((n * uploads.length) / count)]).filter(
    (upload) => upload !== undefined,
  )
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}

import { Connection } from './connection.ts'
import { Payload } from './payload.ts'
import type { Target } from './targets.ts'

export interface Load {
  readonly form: Target['form']
  readonly sizeBytes: number
  readonly connections: number
  /** For how long uploads are begun; 0: each connection makes one. */
  readonly forMs: number
}

/** An upload that was answered with 201. */
export interface Upload {
  readonly payload: Payload
  readonly nonce: number
  readonly body: Buffer
  readonly ms: number
}

export interface Loaded {
  readonly uploads: readonly Upload[]
  readonly seconds: number
}

let nonce = 0

/** Uploads from all connections at once. Throws on any answer but 201. */
export async function putLoad(port: number, { form, sizeBytes, connections, forMs }: Load): Promise<Loaded> {
  const began = performance.now()
  const uploads: Upload[] = []
  const client = async () => {
    const connection = new Connection(port)
    const payload = new Payload(form, sizeBytes)
    for (let isOver = false; !isOver; ) {
      const started = performance.now()
      const mine = ++nonce
      const { status, body } = await connection.send(payload.request(mine))
      if (status !== 201) throw new Error(`an upload was answered with ${status}: ${body.toString()}`)
      uploads.push({ payload, nonce: mine, body, ms: performance.now() - started })
      isOver = performance.now() - began >= forMs
    }
    connection.close()
  }
  await Promise.all(Array.from({ length: connections }, client))
  return { uploads, seconds: (performance.now() - began) / 1000 }
}

import { type Answer, Connection } from './connection.ts'
import { Payload } from './payload.ts'
import type { Target } from './targets.ts'

/** Whether a connection makes another request, after so many on all of them and so many milliseconds. */
export type GoesOn = (count: number, ms: number) => boolean

export const forMs =
  (limitMs: number): GoesOn =>
  (_count, ms) =>
    ms < limitMs
/** Each connection makes one request. */
export const once: GoesOn = () => false

export interface Load {
  readonly form: Target['form']
  readonly sizeBytes: number
  readonly connections: number
  readonly goesOn: GoesOn
  /** The first bytes of each file; a tiny picture if absent. */
  readonly picture?: Buffer
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
export async function putLoad(port: number, { form, sizeBytes, connections, goesOn, picture }: Load): Promise<Loaded> {
  const uploads: Upload[] = []
  const seconds = await fromAll(port, connections, goesOn, () => {
    const payload = new Payload(form, sizeBytes, picture)
    return async (connection) => {
      const started = performance.now()
      const mine = ++nonce
      const answer = await connection.send(payload.request(mine))
      expect(answer, 201)
      uploads.push({ payload, nonce: mine, body: answer.body, ms: performance.now() - started })
    }
  })
  return { uploads, seconds }
}

/** Repeats a request on each connection. @param begin makes the request of one connection. @returns the seconds it took. */
export async function fromAll(
  port: number,
  connections: number,
  goesOn: GoesOn,
  begin: () => (connection: Connection) => Promise<void>,
): Promise<number> {
  const began = performance.now()
  let count = 0
  const client = async () => {
    const connection = new Connection(port)
    const request = begin()
    for (let isOver = false; !isOver; ) {
      await request(connection)
      isOver = !goesOn(++count, performance.now() - began)
    }
    connection.close()
  }
  await Promise.all(Array.from({ length: connections }, client))
  return (performance.now() - began) / 1000
}

export function expect({ status, body }: Answer, wanted: number): void {
  if (status !== wanted) throw new Error(`the answer was ${status}, not ${wanted}: ${body.toString()}`)
}

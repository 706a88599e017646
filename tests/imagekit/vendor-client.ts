import { randomBytes } from 'node:crypto'
import { request as plainRequest } from 'node:http'
import { request as tlsRequest } from 'node:https'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setTimeout } from 'node:timers/promises'

export interface Target {
  readonly privateKey: string
  readonly urlEndpoint: string
  readonly uploadUrl: string
  readonly apiUrl: string
  /** Nobody else's. */
  readonly folder: string
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  /** Parsed where it is JSON. */
  readonly body: unknown
}

export interface Sending {
  readonly fileName: string
  readonly bytes: Iterable<Uint8Array> | AsyncIterable<Uint8Array>
  /** Of all `bytes`; absent: the request does not say how long it is. */
  readonly size?: number
  readonly fields?: Readonly<Record<string, string>>
}

const TRIES = 30

/** Speaks to ImageKit with nothing between, so that what it does can be seen. */
export class VendorClient {
  readonly target: Target
  readonly #authorization: string

  constructor(target: Target) {
    this.target = target
    this.#authorization = `Basic ${Buffer.from(`${target.privateKey}:`).toString('base64')}`
  }

  /** Waits for its turn unless it is told not to. */
  async api(method: string, path: string, json?: object, isPatient = true): Promise<Answer> {
    const headers = { Authorization: this.#authorization, 'Content-Type': 'application/json' }
    for (let tries = 1; ; tries++) {
      const body = json === undefined ? null : JSON.stringify(json)
      const answer = await fetch(`${this.target.apiUrl}${path}`, { method, headers, body })
      const seen = { status: answer.status, headers: answer.headers, body: parsed(await answer.text()) }
      if (seen.status !== 429 || !isPatient || tries === TRIES) return seen
      await setTimeout(Number(seen.headers.get('x-ratelimit-reset') ?? 1000))
    }
  }

  /** The files of the folder that a search finds. */
  async find(fileName: string): Promise<readonly { readonly fileId: string }[]> {
    const query = { path: this.target.folder, searchQuery: `type = "file" AND name = "${fileName}"` }
    const { body } = await this.api('GET', `/v1/files?${new URLSearchParams(query).toString()}`)
    return Array.isArray(body) ? body : []
  }

  upload({ fileName, bytes, size, fields = {} }: Sending): Promise<Answer> {
    const boundary = `verify-${randomBytes(12).toString('hex')}`
    const part = (disposition: string) => `--${boundary}\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n`
    const all = { fileName, folder: this.target.folder, useUniqueFileName: 'false', ...fields }
    const texts = Object.entries(all).map(([name, value]) => `${part(`name="${name}"`)}${value}\r\n`)
    const head = Buffer.from(`${texts.join('')}${part('name="file"; filename="x"')}`)
    const tail = Buffer.from(`\r\n--${boundary}--\r\n`)
    async function* form() {
      yield head
      yield* bytes
      yield tail
    }
    const url = new URL('/api/v1/files/upload', this.target.uploadUrl)
    const request = (url.protocol === 'https:' ? tlsRequest : plainRequest)(url, {
      method: 'POST',
      headers: {
        Authorization: this.#authorization,
        'Content-Type': `multipart/form-data; boundary=${boundary}`,
        ...(size !== undefined && { 'Content-Length': head.length + size + tail.length }),
      },
    })
    return new Promise((resolve, reject) => {
      request.on('error', reject).on('response', (response) => {
        const headers = new Headers(response.headers as Record<string, string>)
        text(response).then(
          (body) => resolve({ status: response.statusCode ?? 0, headers, body: parsed(body) }),
          reject,
        )
      })
      Readable.from(form()).pipe(request)
    })
  }

  /** The original, unsigned. */
  deliver(fileName: string, options: RequestInit = {}): Promise<Response> {
    const { urlEndpoint, folder } = this.target
    return fetch(`${urlEndpoint}${folder}/${fileName}?tr=orig-true`, options)
  }
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return body
  }
}

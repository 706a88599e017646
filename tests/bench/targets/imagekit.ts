/**
 * The double of ImageKit as a process, which takes files of any size. It prints the variables that point mediaport at it.
 *
 *   node imagekit.ts [BYTES_PER_SECOND]
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { startLocalImagekit } from '../../imagekit/local-server.ts'

const vendor = await startLocalImagekit({ maxFile: Number.MAX_SAFE_INTEGER, maxVideo: Number.MAX_SAFE_INTEGER })
const bytesPerSecond = Number(process.argv[2] ?? 0)
const url = bytesPerSecond > 0 ? await throttled(vendor.url) : vendor.url
const variables = {
  IMAGEKIT_PRIVATE_KEY: vendor.privateKey,
  IMAGEKIT_URL_ENDPOINT: vendor.urlEndpoint,
  IMAGEKIT_UPLOAD_URL: url,
  IMAGEKIT_API_URL: vendor.url,
}
console.log(`variables: ${JSON.stringify(variables)}`)
console.log('ready for uploads')

/** @returns the address of a proxy that takes no more bytes than that, over all connections. */
async function throttled(target: string): Promise<string> {
  const began = performance.now()
  let allowedAtMs = 0
  const server = createServer((near) => {
    const far = connect(Number(new URL(target).port), '127.0.0.1')
    for (const [end, other] of [
      [near, far],
      [far, near],
    ] as const)
      end.on('error', () => end.destroy()).on('close', () => other.destroy())
    far.pipe(near)
    void pass(near, far).catch(() => near.destroy())
  })
  const pass = async (near: Socket, far: Socket) => {
    for await (const chunk of near) {
      const now = performance.now() - began
      allowedAtMs = Math.max(now, allowedAtMs) + (chunk.length / bytesPerSecond) * 1000
      if (!far.write(chunk)) await once(far, 'drain')
      if (allowedAtMs - now > 1) await setTimeout(allowedAtMs - now)
    }
    far.end()
  }
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

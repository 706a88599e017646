import { expect, type TestContext, type TestOptions, test } from 'vitest'
import { FaultProxy } from '../fault-proxy.ts'
import type { ServerProcess } from '../integration/mediaport-process.ts'
import { type HttpResponse, type UploadOptions, upload } from './client.ts'
import type { Installation, Variables } from './installation.ts'
import { concurrent, untilUploadsSucceed } from './suite.ts'

/** Starts a proxy in front of a store, and returns the variables of a process that uses it. */
export async function proxyBefore(
  { variables }: Installation,
  variable: string,
): Promise<{ readonly proxy: FaultProxy; readonly variables: Variables }> {
  const address = variables[variable] ?? ''
  const proxy = await FaultProxy.before(Number(new URL(address).port))
  return { proxy, variables: { [variable]: proxy.inFrontOf(address) } }
}

/** A server for one fault, with a proxy in front of one of its stores. */
export interface Scene {
  readonly server: ServerProcess
  readonly url: string
  readonly proxy: FaultProxy
  /** Sends an upload to the server. */
  readonly send: (options: UploadOptions) => Promise<HttpResponse>
  readonly context: TestContext
}

/**
 * Tests a fault between one server and one store. Uploads must succeed before it and after it.
 * @param variable The environment variable with the address of the store.
 */
export const proxied =
  (installation: Installation, variable: string, extra: Variables = {}) =>
  (what: string, options: TestOptions, play: (scene: Scene) => Promise<void>): void =>
    test(what, { ...concurrent, ...options }, async (context) => {
      const { proxy, variables } = await proxyBefore(installation, variable)
      const server = await installation.start('serve', { ...variables, WORKER: 'off', ...extra })
      const { url } = server
      const send = (sent: UploadOptions) => upload(url, installation.log, sent)
      expect(await send({ title: `before: ${what}` })).toMatchObject({ status: 201 })
      await play({ server, url, proxy, send, context })
      await proxy.recover()
      await untilUploadsSucceed(url, installation, context)
      await installation.kill(server, 'SIGTERM')
      proxy.close()
    })

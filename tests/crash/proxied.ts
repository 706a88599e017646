import { FaultProxy } from '../fault-proxy.ts'
import type { ServerProcess } from '../integration/mediaport-process.ts'
import type { ClientLog } from './client-log.ts'
import type { Check, Fault } from './faults.ts'
import type { Installation, Variables } from './installation.ts'
import { checkUploads, format, upload } from './timed-requests.ts'

/** A server for one fault, with a proxy in front of one of its stores. */
export interface Scene {
  readonly server: ServerProcess
  readonly url: string
  readonly proxy: FaultProxy
  readonly log: ClientLog
  readonly check: Check
}

export interface ProxyOptions {
  readonly installation: Installation
  readonly log: ClientLog
  /** The environment variable with the address of the store. */
  readonly variable: string
  readonly extra?: Variables
}

/** Plays a fault between one server and one store. Uploads must succeed before it and after it. */
export const proxied =
  ({ installation, log, variable, extra = {} }: ProxyOptions) =>
  (fault: Omit<Fault, 'play'>, play: (scene: Scene) => Promise<void>): Fault => ({
    ...fault,
    async play(check) {
      const address = installation.variables[variable] ?? ''
      const proxy = await FaultProxy.before(Number(new URL(address).port))
      const server = await installation.start('serve', { [variable]: proxy.inFrontOf(address), ...extra })
      const { url } = server
      const earlier = await upload(url, log, { title: `before: ${fault.what}` })
      if (earlier.status !== 201) check(`before: ${format(earlier)}`, false)
      await play({ server, url, proxy, log, check })
      await proxy.recover()
      await checkUploads(check, url, log)
      await installation.kill(server, 'SIGTERM')
      proxy.close()
    },
  })

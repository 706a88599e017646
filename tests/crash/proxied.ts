import { FaultProxy } from '../fault-proxy.ts'
import type { ServerProcess } from '../integration/mediaport-process.ts'
import type { ClientLog } from './client-log.ts'
import { type Fault, type See, seeUntil } from './faults.ts'
import type { Installation, Variables } from './installation.ts'
import { inWords, upload } from './told.ts'

/** A server of its own for one fault, with one of its stores behind a proxy. */
export interface Scene {
  readonly server: ServerProcess
  readonly url: string
  readonly proxy: FaultProxy
  readonly log: ClientLog
  readonly see: See
}

export interface Behind {
  readonly installation: Installation
  readonly log: ClientLog
  /** Names the store: what it has to be given as. */
  readonly variable: string
  readonly extra?: Variables
}

/** Plays a fault between one server and one store; before it and after it, uploads have to be taken. */
export const proxied =
  ({ installation, log, variable, extra = {} }: Behind) =>
  (fault: Omit<Fault, 'play'>, play: (scene: Scene) => Promise<void>): Fault => ({
    ...fault,
    async play(see) {
      const address = installation.variables[variable] ?? ''
      const proxy = await FaultProxy.before(Number(new URL(address).port))
      const server = await installation.start('serve', { [variable]: proxy.inFrontOf(address), ...extra })
      const { url } = server
      const sound = await upload(url, log, { title: `before: ${fault.what}` })
      if (sound.status !== 201) see(`before, ${inWords(sound)}`, false)
      await play({ server, url, proxy, log, see })
      await proxy.recover()
      let tries = 0
      await seeUntil(see, 'uploads taken again', async () => {
        const { status } = await upload(url, log, { title: `after: ${fault.what}, try ${++tries}` })
        return status === 201
      })
      await installation.kill(server, 'SIGTERM')
      proxy.close()
    },
  })

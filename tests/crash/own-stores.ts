import { setTimeout } from 'node:timers/promises'
import type { Services } from './installation.ts'
import { OwnServer } from './own-server.ts'

/** PostgreSQL, Redis and a server that speaks MongoDB's protocol, which tests can kill. */
export class OwnStores {
  readonly postgres: OwnServer
  readonly mongo: OwnServer
  readonly redis: OwnServer

  private constructor(postgres: OwnServer, mongo: OwnServer, redis: OwnServer) {
    this.postgres = postgres
    this.mongo = mongo
    this.redis = redis
  }

  static async start(): Promise<OwnStores> {
    const servers = await Promise.all([OwnServer.postgres(), OwnServer.mongo(), OwnServer.redis()])
    await Promise.all(servers.map((each) => each.start()))
    return new OwnStores(...servers)
  }

  get addresses(): Services {
    return {
      postgres: `postgres://media@127.0.0.1:${this.postgres.port}/postgres`,
      mongo: `mongodb://127.0.0.1:${this.mongo.port}/`,
      redis: `redis://127.0.0.1:${this.redis.port}`,
    }
  }

  /**
   * Kills a store and starts it again after `downMs`.
   * @param nth 0, 1 or 2.
   * @returns The name of the store.
   */
  async restart(nth: number, downMs: number): Promise<string> {
    const all = { postgres: this.postgres, mongo: this.mongo, redis: this.redis }
    const [name, server] = Object.entries(all)[nth] ?? ['postgres', this.postgres]
    // SIGQUIT is the immediate shutdown of PostgreSQL, which flushes nothing. SIGKILL would leave its child processes
    // running.
    await server.kill(server === this.postgres ? 'SIGQUIT' : 'SIGKILL')
    await setTimeout(downMs)
    await server.start()
    return name
  }

  async remove(): Promise<void> {
    await Promise.all([this.postgres, this.mongo, this.redis].map((each) => each.remove()))
  }
}

import { setTimeout } from 'node:timers/promises'
import type { Services } from './installation.ts'
import { OwnServer } from './own-server.ts'

/** PostgreSQL, a server that speaks MongoDB's protocol, and Redis, to be killed. */
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

  /** The nth of three. @returns its name. */
  async restart(nth: number, downMs: number): Promise<string> {
    const all = { postgres: this.postgres, mongo: this.mongo, redis: this.redis }
    const [name, server] = Object.entries(all)[nth] ?? ['postgres', this.postgres]
    // SIGQUIT is the immediate shutdown of PostgreSQL: nothing is flushed or said. SIGKILL would leave its children alive.
    await server.kill(server === this.postgres ? 'SIGQUIT' : 'SIGKILL')
    await setTimeout(downMs)
    await server.start()
    return name
  }

  async remove(): Promise<void> {
    await Promise.all([this.postgres, this.mongo, this.redis].map((each) => each.remove()))
  }
}

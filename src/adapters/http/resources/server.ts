import { ok } from 'neverthrow'
import type { z } from 'zod'
import { json, type OpenRoute } from '../route.ts'
import { Health, Ping } from '../schemas.ts'

export const serverRoutes: readonly OpenRoute[] = [
  {
    method: 'get',
    path: '/ping/',
    operation: {
      summary: 'Check that the server answers',
      description: 'Answers in every state of the database and the storage.',
      tags: ['Server'],
      responses: { 200: json('The server answers', Ping) },
    },
    errors: [],
    handle: async () => ok({ status: 200, body: { message: 'pong' } satisfies z.infer<typeof Ping> }),
  },
  {
    method: 'get',
    path: '/healthcheck/',
    operation: {
      summary: 'Check the services',
      description: '200 while uploads are accepted, also if the status is `degraded`. Otherwise 503.',
      tags: ['Server'],
      responses: { 200: json('Uploads are accepted', Health), 503: json('Uploads are not accepted', Health) },
    },
    errors: [],
    async handle({ mediaport }) {
      const health: z.infer<typeof Health> = (await mediaport?.checkHealth()) ?? STARTING
      return ok({ status: health.status === 'ok' || health.status === 'degraded' ? 200 : 503, body: health })
    },
  },
]

const STARTING = { status: 'starting', checks: { database: 'starting', storage: 'starting' } } as const

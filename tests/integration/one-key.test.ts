import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { file, form, post } from '../e2e/multipart.ts'
import { Wire } from '../e2e/wire.ts'
import { pngOf, sha256 } from '../samples.ts'
import { withServices } from '../services.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { ServerProcess } from './mediaport-process.ts'
import { newDatabase } from './postgres.ts'

withServices(['POSTGRES_URL'], 'Two servers on one PostgreSQL', () => {
  const folder = temporaryFolder(afterAll)
  const servers: ServerProcess[] = []
  let database: Awaited<ReturnType<typeof newDatabase>>

  beforeAll(async () => {
    database = await newDatabase()
    const variables = { DATA_DIR: folder, DATABASE_URL: database.url }
    servers.push(...(await Promise.all([ServerProcess.start(variables), ServerProcess.start(variables)])))
  })
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.kill('SIGKILL')))
    await database.drop()
  })

  it.each([1, 2, 3, 4, 5])(
    'create one media item for fifty concurrent uploads with the same key (round %d)',
    async (round) => {
      const bytes = pngOf(200_000, `${round}`)
      const key = randomUUID()
      const request = post(form(file(bytes)), `Idempotency-Key: ${key}`)
      const head = request.indexOf('\r\n\r\n') + 5
      const wires = Array.from({ length: 50 }, (_, n) => new Wire(Number(new URL(servers[n % 2]?.url ?? '').port)))
      await Promise.all(wires.map((wire) => wire.send(request.subarray(0, head))))

      const answers = await Promise.all(
        wires.map(async (wire) => {
          await wire.send(request.subarray(head))
          const { status, headers, body } = await wire.answer()
          return { status, replayed: headers['idempotency-replayed'] === 'true', body: JSON.parse(body.toString()) }
        }),
      )
      for (const wire of wires) wire.leave()
      const created = answers.filter(({ status }) => status === 201)
      expect(created.filter(({ replayed }) => !replayed)).toHaveLength(1)
      expect(new Set(created.map(({ body }) => body.id)).size).toBe(1)
      for (const { status, body } of answers)
        if (status !== 201) expect([status, body.type]).toEqual([409, '/problems/idempotency-in-progress'])

      const { rows } = await database.query(
        `select id, state, sha256 from media_job where id = '${created[0]?.body.id}'`,
      )
      expect(rows).toEqual([{ id: created[0]?.body.id, state: 'stored', sha256: sha256(bytes) }])
      const { rows: counts } = await database.query('select count(*)::int as count from media_job')
      expect(counts).toEqual([{ count: round }])
      const content = await fetch(`${servers[round % 2]?.url}/media/${created[0]?.body.id}/content/`)
      expect(sha256(Buffer.from(await content.arrayBuffer()))).toBe(sha256(bytes))
    },
  )
})

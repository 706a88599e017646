/** Several processes on one database, which do the same things at once. */
import { setTimeout } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { ClientLog } from './client-log.ts'
import { Crew } from './crew.ts'
import { type Fault, playFaults, seeUntil } from './faults.ts'
import { Installation } from './installation.ts'
import { type Part, runAlone } from './part.ts'
import { inWords, type Told, told, upload } from './told.ts'

export const together: Part = async (options) => {
  const [installation, log] = [await Installation.open('filesystem'), new ClientLog()]
  const { url } = await installation.start()

  const faults: Fault[] = [
    {
      what: 'an upload that takes three leases, under two reapers',
      async play(see) {
        const other = await installation.start()
        const answer = await upload(url, log, { title: 'slow and alive', size: 900_000, pause: 500 })
        see(inWords(answer), answer.status === 201 && answer.seconds > 6)
        await installation.kill(other)
      },
    },
    {
      what: 'one title changed 20 times as fast as it goes, on two processes',
      async play(see) {
        const other = await installation.start()
        const media = await upload(url, log, { title: 'changed' })
        const { id, sha256 } = media.body
        for (let n = 1; n <= 20; n++) {
          const body = Buffer.from(JSON.stringify({ title: `changed ${n}` }))
          const headers = { 'Content-Type': 'application/json' }
          log.mayBeCalled(String(sha256), `changed ${n}`)
          const { status } = await told(`${n % 2 ? url : other.url}/media/${String(id)}/`, {
            method: 'PATCH',
            headers,
            body,
          })
          if (status === 200) log.isCalled(String(sha256), `changed ${n}`)
          else see(`change ${n}: ${status}`, false)
        }
        const shown = async () => (await told(`${url}/media/${String(id)}/title/`)).body['title'] === 'changed 20'
        await seeUntil(see, 'the last title is read', shown)
        await installation.kill(other)
      },
    },
    {
      what: 'media deleted while their jobs run',
      tried: '20 media',
      async play(see) {
        const statuses = new Set<number | undefined>()
        for (let n = 0; n < 20; n++) {
          const { id, sha256 } = (await upload(url, log, { title: `deleted ${n}` })).body
          await setTimeout(n * 50)
          log.mayBeDeleted(String(sha256))
          const { status } = await told(`${url}/media/${String(id)}/`, { method: 'DELETE' })
          if (status === 204) log.isDeleted(String(sha256))
          statuses.add(status)
        }
        see(`each ${[...statuses].join()}`, isDeepStrictEqual([...statuses], [204]))
      },
    },
    {
      what: 'two servers, two workers, two reapers',
      tried: `${options.isFull ? 60 : 8} s of 4 clients`,
      isAlone: true,
      async play(see) {
        const others = [
          await installation.start(),
          await installation.start('worker'),
          await installation.start('worker'),
        ]
        const crew = new Crew({ clients: 4, seed: 3, log, servers: () => installation.addresses })
        await setTimeout(options.isFull ? 60_000 : 8000)
        await crew.end()
        const [here, there] = await Promise.all(installation.addresses.map((each) => told(`${each}/media/?limit=100`)))
        const ids = ({ body }: Told) => JSON.stringify((body['items'] as { id: string }[]).map(({ id }) => id))
        see(crew.summary, log.acknowledged.length > 0)
        see('both list the same', here !== undefined && there !== undefined && ids(here) === ids(there))
        for (const each of others) await installation.kill(each)
      },
    },
  ]
  return playFaults('several processes', faults, installation, log, options)
}

if (import.meta.main) await runAlone(together)

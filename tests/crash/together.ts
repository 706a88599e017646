/** Several processes that do the same work on one database at the same time. */
import { setTimeout } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { ClientLog } from './client-log.ts'
import { checkUntil, type Fault, playFaults } from './faults.ts'
import { titleChange } from './http-client.ts'
import { Installation } from './installation.ts'
import type { Part } from './part.ts'
import { format, request, type TimedResponse, upload } from './timed-requests.ts'
import { Workload } from './workload.ts'

export const together: Part = async (options) => {
  const [installation, log] = [await Installation.open('filesystem'), new ClientLog()]
  const { url } = await installation.start()

  const faults: Fault[] = [
    {
      what: 'an upload that lasts three leases, with two reapers',
      async play(check) {
        const other = await installation.start()
        const answer = await upload(url, log, { title: 'slow and alive', size: 900_000, pauseMs: 500 })
        check(format(answer), answer.status === 201 && answer.seconds > 6)
        await installation.kill(other)
      },
    },
    {
      what: 'one title changed 20 times without pause by two processes',
      async play(check) {
        const other = await installation.start()
        const media = await upload(url, log, { title: 'changed' })
        const { id, sha256 } = media.body
        for (let n = 1; n <= 20; n++) {
          const title = `changed ${n}`
          log.renameSent(String(sha256), title)
          const { status } = await request(`${n % 2 ? url : other.url}/media/${String(id)}/`, titleChange(title))
          if (status === 200) log.renameAcknowledged(String(sha256), title)
          else check(`change ${n}: ${status}`, false)
        }
        const isLatest = async () => (await request(`${url}/media/${String(id)}/title/`)).body['title'] === 'changed 20'
        await checkUntil(check, 'the last title is read', isLatest)
        await installation.kill(other)
      },
    },
    {
      what: 'media items deleted while their jobs run',
      tried: '20 media items',
      async play(check) {
        const statuses = new Set<number | undefined>()
        for (let n = 0; n < 20; n++) {
          const { id, sha256 } = (await upload(url, log, { title: `deleted ${n}` })).body
          await setTimeout(n * 50)
          log.deletionSent(String(sha256))
          const { status } = await request(`${url}/media/${String(id)}/`, { method: 'DELETE' })
          if (status === 204) log.deletionAcknowledged(String(sha256))
          statuses.add(status)
        }
        check(`statuses ${[...statuses].join()}`, isDeepStrictEqual([...statuses], [204]))
      },
    },
    {
      what: 'two servers, two workers, two reapers',
      tried: `${options.isFull ? 60 : 8} s of 4 clients`,
      isAlone: true,
      async play(check) {
        const others = [
          await installation.start(),
          await installation.start('worker'),
          await installation.start('worker'),
        ]
        const workload = new Workload({ clients: 4, seed: 3, log, servers: () => installation.addresses })
        await setTimeout(options.isFull ? 60_000 : 8000)
        await workload.end()
        const [here, there] = await Promise.all(
          installation.addresses.map((each) => request(`${each}/media/?limit=100`)),
        )
        const ids = ({ body }: TimedResponse) => JSON.stringify((body['items'] as { id: string }[]).map(({ id }) => id))
        check(workload.summary, log.acknowledged.length > 0)
        check('both return the same list', here !== undefined && there !== undefined && ids(here) === ids(there))
        for (const each of others) await installation.kill(each)
      },
    },
  ]
  return playFaults('several processes', faults, installation, log, options)
}

import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { FaultProxy } from './fault-proxy.ts'

/** The data that reached the store. The store echoes each piece. */
let stored: string
let closedConnections: number
let proxy: FaultProxy

beforeEach(async () => {
  stored = ''
  closedConnections = 0
  const store = createServer((socket) => {
    socket.on('data', (bytes) => {
      stored += bytes.toString()
      socket.write(bytes)
    })
    socket.on('error', () => {}).on('close', () => closedConnections++)
  })
  await once(store.listen(0, '127.0.0.1'), 'listening')
  proxy = await FaultProxy.before((store.address() as AddressInfo).port)
  onTestFinished(() => {
    proxy.close()
    store.close()
  })
})

class Client {
  reply = ''
  /** The first of `end`, `close` and the code of an error. */
  end: string | undefined
  readonly socket: Socket = connect(proxy.port, '127.0.0.1')

  constructor() {
    this.socket.on('data', (bytes) => (this.reply += bytes.toString()))
    this.socket.on('error', (error: NodeJS.ErrnoException) => (this.end ??= error.code))
    this.socket.on('end', () => (this.end ??= 'end')).on('close', () => (this.end ??= 'close'))
    onTestFinished(() => void this.socket.destroy())
  }

  send(text: string): this {
    this.socket.write(text)
    return this
  }

  receives = (text: string) => expect.poll(() => this.reply).toBe(text)
  endsWith = (end: string) => expect.poll(() => this.end).toBe(end)
}

const pause = () => setTimeout(150)

describe('The fault proxy', () => {
  it('passes data and the end of a connection in both directions', async () => {
    const client = new Client().send('a')
    await client.receives('a')
    client.socket.end()
    await client.endsWith('end')
    await expect.poll(() => closedConnections).toBe(1)
  })

  it('refuses connections until `recover`', async () => {
    const earlier = new Client().send('a')
    await earlier.receives('a')
    await proxy.refuse()
    await earlier.endsWith('ECONNRESET')
    await new Client().endsWith('ECONNREFUSED')
    await proxy.recover()
    await new Client().send('b').receives('b')
  })

  it.each(['hang', 'reset'] as const)('applies `%s` to new connections', async (fate) => {
    proxy.newConnections = fate
    const client = new Client().send('a')
    if (fate === 'reset') await client.endsWith('ECONNRESET')
    else await pause()
    expect([client.reply, stored]).toEqual(['', ''])
    expect(client.end).toBe(fate === 'reset' ? 'ECONNRESET' : undefined)
  })

  it('passes neither data nor the end of a silent connection', async () => {
    const client = new Client().send('a')
    await client.receives('a')
    proxy.silence()
    client.send('b').socket.end()
    await pause()
    expect([client.reply, stored, closedConnections, client.end]).toEqual(['a', 'a', 0, undefined])
  })

  it.each([
    { reaches: false, fate: 'cut', store: 'a', end: 'ECONNRESET' },
    { reaches: true, fate: 'cut', store: 'a commit', end: 'ECONNRESET' },
    { reaches: false, fate: 'hang', store: 'a', end: undefined },
    { reaches: true, fate: 'hang', store: 'a commit', end: undefined },
  ] as const)(
    'applies `$fate` to a connection with the pattern; the store has "$store"',
    async ({ reaches, fate, store, end }) => {
      const [client, other] = [new Client().send('a'), new Client()]
      await client.receives('a')
      const trap = proxy.trap({ pattern: 'commit', reaches, fate })
      client.send(' commit')
      await trap
      if (end) await client.endsWith(end)
      await expect.poll(() => stored).toBe(store)
      await pause()
      expect([client.reply, client.end]).toEqual(['a', end])
      await other.send(' commit').receives(' commit')
    },
  )

  it.each(['cut all', 'hang all'] as const)(
    'applies `%s` to all connections once one has the pattern',
    async (fate) => {
      const [client, other] = [new Client().send('a'), new Client()]
      await client.receives('a')
      const trap = proxy.trap({ pattern: 'commit', reaches: true, fate })
      client.send(' commit')
      await trap
      const later = new Client().send('c')
      other.send('b')
      await pause()
      expect([client.reply, other.reply, later.reply, stored]).toEqual(['a', '', '', 'a commit'])
      const end = fate === 'cut all' ? 'ECONNRESET' : undefined
      expect([client.end, other.end, later.end]).toEqual([end, end, end])
    },
  )

  it('resets a connection after `cutAfter` bytes, and delays pieces by `delay`', async () => {
    proxy.delay = 60
    const start = performance.now()
    await new Client().send('abc').receives('abc')
    expect(performance.now() - start).toBeGreaterThan(100)
    await proxy.recover()
    proxy.cutAfter = 2
    const client = new Client().send('d')
    await client.receives('d')
    client.send('ef')
    await client.endsWith('ECONNRESET')
    expect(stored).toBe('abcd')
  })
})

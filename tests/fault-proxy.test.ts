import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { FaultProxy } from './fault-proxy.ts'

/** What a store of our own has received, which answers every piece with itself. */
let received: string
let ends: number
let proxy: FaultProxy

beforeEach(async () => {
  received = ''
  ends = 0
  const store = createServer((socket) => {
    socket.on('data', (bytes) => {
      received += bytes.toString()
      socket.write(bytes)
    })
    socket.on('error', () => {}).on('close', () => ends++)
  })
  await once(store.listen(0, '127.0.0.1'), 'listening')
  proxy = await FaultProxy.before((store.address() as AddressInfo).port)
  onTestFinished(() => {
    proxy.close()
    store.close()
  })
})

class Caller {
  heard = ''
  /** `end`, `close` or the code of an error. */
  over: string | undefined
  readonly socket: Socket = connect(proxy.port, '127.0.0.1')

  constructor() {
    this.socket.on('data', (bytes) => (this.heard += bytes.toString()))
    this.socket.on('error', (error: NodeJS.ErrnoException) => (this.over ??= error.code))
    this.socket.on('end', () => (this.over ??= 'end')).on('close', () => (this.over ??= 'close'))
    onTestFinished(() => void this.socket.destroy())
  }

  say(text: string): this {
    this.socket.write(text)
    return this
  }

  hears = (text: string) => expect.poll(() => this.heard).toBe(text)
  isOver = (how: string) => expect.poll(() => this.over).toBe(how)
}

const aWhile = () => setTimeout(150)

describe('the fault proxy', () => {
  it('passes all on, and both ends', async () => {
    const caller = new Caller().say('a')
    await caller.hears('a')
    caller.socket.end()
    await caller.isOver('end')
    await expect.poll(() => ends).toBe(1)
  })

  it('refuses, and listens again', async () => {
    const earlier = new Caller().say('a')
    await earlier.hears('a')
    await proxy.refuse()
    await earlier.isOver('ECONNRESET')
    await new Caller().isOver('ECONNREFUSED')
    await proxy.recover()
    await new Caller().say('b').hears('b')
  })

  it.each(['hang', 'reset'] as const)('lets new connections %s', async (fate) => {
    proxy.newOnes = fate
    const caller = new Caller().say('a')
    if (fate === 'reset') await caller.isOver('ECONNRESET')
    else await aWhile()
    expect([caller.heard, received]).toEqual(['', ''])
    expect(caller.over).toBe(fate === 'reset' ? 'ECONNRESET' : undefined)
  })

  it('falls silent both ways, and not even an end comes through', async () => {
    const caller = new Caller().say('a')
    await caller.hears('a')
    proxy.silence()
    caller.say('b').socket.end()
    await aWhile()
    expect([caller.heard, received, ends, caller.over]).toEqual(['a', 'a', 0, undefined])
  })

  it.each([
    { reaches: false, fate: 'cut', store: 'a', over: 'ECONNRESET' },
    { reaches: true, fate: 'cut', store: 'a commit', over: 'ECONNRESET' },
    { reaches: false, fate: 'hang', store: 'a', over: undefined },
    { reaches: true, fate: 'hang', store: 'a commit', over: undefined },
  ] as const)('waits for a pattern: $fate, and the store has "$store"', async ({ reaches, fate, store, over }) => {
    const [caller, other] = [new Caller().say('a'), new Caller()]
    await caller.hears('a')
    const sprung = proxy.trap({ pattern: 'commit', reaches, fate })
    caller.say(' commit')
    await sprung
    if (over) await caller.isOver(over)
    await expect.poll(() => received).toBe(store)
    await aWhile()
    expect([caller.heard, caller.over]).toEqual(['a', over])
    await other.say(' commit').hears(' commit')
  })

  it.each(['cut all', 'hang all'] as const)('does to %s connections what the pattern brings', async (fate) => {
    const [caller, other] = [new Caller().say('a'), new Caller()]
    await caller.hears('a')
    const sprung = proxy.trap({ pattern: 'commit', reaches: true, fate })
    caller.say(' commit')
    await sprung
    const late = new Caller().say('c')
    other.say('b')
    await aWhile()
    expect([caller.heard, other.heard, late.heard, received]).toEqual(['a', '', '', 'a commit'])
    const over = fate === 'cut all' ? 'ECONNRESET' : undefined
    expect([caller.over, other.over, late.over]).toEqual([over, over, over])
  })

  it('cuts after so many bytes, and slows down', async () => {
    proxy.pieces = 1
    proxy.delay = 30
    const began = performance.now()
    await new Caller().say('abc').hears('abc')
    expect(performance.now() - began).toBeGreaterThan(100)
    await proxy.recover()
    proxy.cutAfter = 2
    const caller = new Caller().say('d')
    await caller.hears('d')
    caller.say('ef')
    await caller.isOver('ECONNRESET')
    expect(received).toBe('abcd')
  })
})

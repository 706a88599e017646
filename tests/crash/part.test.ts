import { afterEach, describe, expect, it, vi } from 'vitest'
import { notHere, notInstalled, playFault } from './faults.ts'
import { failed, type Row, toTable } from './part.ts'

const row = (changes: Partial<Row> = {}): Row => ({
  what: 'a fault',
  tried: 'once',
  outcome: 'as it should be',
  isAsPromised: true,
  counts: { times: 2, lost: 0, doubled: 1, orphaned: 0 },
  ...changes,
})
const lastLineOf = (...rows: Row[]) => toTable(rows).split('\n').at(-1)

afterEach(() => vi.unstubAllEnvs())

describe('The table of faults', () => {
  it('adds up what was tried, and not what a fault has left', () => {
    const left = row({ counts: { times: 0, lost: 1, doubled: 0, orphaned: 0 } })
    expect(lastLineOf(row(), row(), left)).toBe('2 faults, 4 tried, 1 lost, 2 doubled, 0 orphaned')
  })

  it('tells apart what was not tried', () => {
    expect(lastLineOf(row(), notHere('another', 'no such thing'))).toBe(
      '1 faults, 2 tried, 0 lost, 1 doubled, 0 orphaned, 1 not producible here',
    )
  })

  it('names what came to no end, on one line', () => {
    vi.spyOn(console, 'error').mockImplementationOnce(() => {})
    expect(toTable([failed('a part', new Error('one\ntwo'))])).toContain(
      '| a part | not to its end | **NOT AS PROMISED** Error: one two |',
    )
  })
})

describe('A fault', () => {
  it('is not as promised when nothing was looked at', async () => {
    expect(await playFault({ what: 'a fault', play: async () => {} })).toMatchObject({ isAsPromised: false })
  })

  it('is not as promised when it throws', async () => {
    const play = () => Promise.reject(new Error('broken'))
    expect(await playFault({ what: 'a fault', play })).toMatchObject({
      isAsPromised: false,
      outcome: expect.stringContaining('broken'),
    })
  })

  it.each([
    ['', true],
    ['true', false],
  ])('that needs a program that is not there is as promised, with CI=%j: %j', (ci, isAsPromised) => {
    vi.stubEnv('CI', ci)
    expect(notInstalled('a fault', 'a program')).toMatchObject({ isAsPromised })
  })
})

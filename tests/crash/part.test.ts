import { afterEach, describe, expect, it, vi } from 'vitest'
import { notInstalled, playFault, skippedRow } from './faults.ts'
import { failedRow, type Row, toTable } from './part.ts'

const row = (changes: Partial<Row> = {}): Row => ({
  what: 'a fault',
  tried: 'once',
  outcome: 'as expected',
  passed: true,
  counts: { times: 2, lost: 0, doubled: 1, orphaned: 0 },
  ...changes,
})
const lastLineOf = (...rows: Row[]) => toTable(rows).split('\n').at(-1)

afterEach(() => vi.unstubAllEnvs())

describe('The table of faults', () => {
  it('counts a fault only if it was tried', () => {
    const remains = row({ counts: { times: 0, lost: 1, doubled: 0, orphaned: 0 } })
    expect(lastLineOf(row(), row(), remains)).toBe('2 faults, 4 tried, 1 lost, 2 doubled, 0 orphaned')
  })

  it('counts skipped faults separately', () => {
    expect(lastLineOf(row(), skippedRow('another', 'no such thing'))).toBe(
      '1 faults, 2 tried, 0 lost, 1 doubled, 0 orphaned, 1 skipped',
    )
  })

  it('shows a part that threw on one line', () => {
    vi.spyOn(console, 'error').mockImplementationOnce(() => {})
    expect(toTable([failedRow('a part', new Error('one\ntwo'))])).toContain(
      '| a part | incomplete | **FAILED** Error: one two |',
    )
  })
})

describe('A fault', () => {
  it('fails if it checks nothing', async () => {
    expect(await playFault({ what: 'a fault', play: async () => {} })).toMatchObject({ passed: false })
  })

  it('fails if it throws', async () => {
    const play = () => Promise.reject(new Error('broken'))
    expect(await playFault({ what: 'a fault', play })).toMatchObject({
      passed: false,
      outcome: expect.stringContaining('broken'),
    })
  })

  it.each([
    ['', true],
    ['true', false],
  ])('that needs a missing program has, with CI=%j, passed: %j', (ci, passed) => {
    vi.stubEnv('CI', ci)
    expect(notInstalled('a fault', 'a program')).toMatchObject({ passed })
  })
})

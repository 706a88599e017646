import { describe, expect, it } from 'vitest'
import { sumOf } from './reporter.ts'

const fault = { state: 'passed', tried: 2 }

describe('The sum of the faults', () => {
  it('counts a fault once, and how often it was tried', () => {
    expect(sumOf([fault, { state: 'failed' }])).toBe('2 faults, 3 tried, 0 lost, 0 doubled, 0 orphaned')
  })

  it('counts what the verdict found, also after a test without a fault', () => {
    const judged = { state: 'failed', tried: 0, found: { lost: 1, doubled: 2, orphaned: 3 } }
    expect(sumOf([fault, judged, judged])).toBe('1 faults, 2 tried, 2 lost, 4 doubled, 6 orphaned')
  })

  it('counts faults that cannot be produced, but not those that were not selected', () => {
    const skipped = { state: 'skipped', note: 'no such program' }
    expect(sumOf([fault, skipped, { state: 'skipped', note: undefined }])).toBe(
      '1 faults, 2 tried, 0 lost, 0 doubled, 0 orphaned, 1 skipped',
    )
  })
})

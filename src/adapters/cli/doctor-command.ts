import type { Doctor, Examination, Finding } from '../../application/doctor.ts'
import { printable, sayUnavailable } from './terminal.ts'

export interface DoctorOptions {
  readonly repair?: boolean
  readonly deleteUnknown?: boolean
  readonly yes?: boolean
  readonly json?: boolean
}

/** More unknown files than this part of all look like a wrong database, not like leftovers. */
const SUSPICIOUS = 0.01

const DELETED = 'deleted'
const NOT_DELETED = 'could not be deleted: remove it by hand'

/** @returns what is wrong and was not mended, as an exit status. */
export async function examine(doctor: Doctor, options: DoctorOptions): Promise<number> {
  const examined = await doctor.examine()
  if (examined.isErr()) {
    console.error(sayUnavailable(examined.error))
    return 1
  }
  const { findings, ...counts } = examined.value
  const outcomes: { finding: Finding; mended: string }[] = []
  for (const finding of findings)
    outcomes.push({ finding, mended: await mend(doctor, finding, examined.value, options) })

  // A file that lies where none of ours would is not reached by its key.
  if (outcomes.some(({ mended }) => mended === DELETED)) {
    const left = await doctor.examine()
    const keys = new Set(left.map(({ findings }) => findings.map(placeOf)).unwrapOr([]))
    for (const outcome of outcomes)
      if (outcome.mended === DELETED && keys.has(placeOf(outcome.finding))) outcome.mended = NOT_DELETED
  }

  if (options.json)
    console.log(
      JSON.stringify({ ...counts, findings: outcomes.map(({ finding, mended }) => ({ ...finding, mended })) }),
    )
  else {
    for (const { finding, mended } of outcomes)
      console.log([finding.problem.padEnd(21), placeOf(finding), finding.detail, mended].map(printable).join('  '))
    const counted = Object.entries(counts).map(([what, count]) => `${count} ${what}`)
    console.log(`${counted.join(', ')}, ${findings.length} findings`)
  }
  return findings.length > 0 ? 1 : 0
}

async function mend(doctor: Doctor, finding: Finding, all: Examination, options: DoctorOptions): Promise<string> {
  if (!options.repair) return ''
  if (finding.problem === 'unknown-file') {
    if (!options.deleteUnknown) return 'kept: --delete-unknown deletes it'
    const unknown = all.findings.filter(({ problem }) => problem === 'unknown-file').length
    if (unknown > all.files * SUSPICIOUS && !options.yes)
      return `kept: ${unknown} of ${all.files} files are unknown; is this the right database? --yes deletes them all the same`
    return (await doctor.deleteUnknown(finding)).isOk() ? DELETED : NOT_DELETED
  }
  if (finding.problem === 'file-missing' || finding.problem === 'file-of-another-size') return 'only a backup has it'
  const repaired = await doctor.repair(finding)
  if (repaired.isErr()) return 'could not be repaired'
  return 'storageKey' in finding ? 'its jobs are done again' : 'taken out'
}

const placeOf = (finding: Finding): string => ('storageKey' in finding ? finding.storageKey : finding.id)

import { setTimeout } from 'node:timers/promises'
import type { Doctor, Examination, Finding } from '../../application/upkeep/doctor.ts'
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

/** How long jobs of what happened just now may take, in ms: a worker that runs needs a second. */
const PATIENCE = 5000

/** @returns the exit status: 1 when anything was wrong, mended or not. */
export async function examine(doctor: Doctor, options: DoctorOptions, patience = PATIENCE): Promise<number> {
  let examined = await doctor.examine()
  if (examined.map(({ findings }) => findings.some(isPassing)).unwrapOr(false)) {
    const before = new Set(examined.map(({ findings }) => findings.map(nameOf)).unwrapOr([]))
    await setTimeout(patience)
    const again = await doctor.examine()
    examined = again.map((now) => ({ ...now, findings: now.findings.filter((each) => before.has(nameOf(each))) }))
  }
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
  if (finding.problem === 'unknown-file') {
    if (!options.deleteUnknown) return options.repair ? 'kept: --delete-unknown deletes it' : ''
    if (!options.repair) return 'kept: --delete-unknown deletes only with --repair'
    const unknown = all.findings.filter(({ problem }) => problem === 'unknown-file').length
    if (unknown > all.files * SUSPICIOUS && !options.yes)
      return `kept: ${unknown} of ${all.files} files are unknown; is this the right database? --yes deletes them all the same`
    return (await doctor.deleteUnknown(finding)).isOk() ? DELETED : NOT_DELETED
  }
  if (!options.repair) return ''
  if (finding.problem === 'unknown-storage') return 'only its storage has it'
  if (finding.problem === 'file-missing' || finding.problem === 'file-of-another-size') return 'only a backup has it'
  const repaired = await doctor.repair(finding)
  if (repaired.isErr()) return 'could not be repaired'
  if (finding.problem === 'upload-stuck') return 'put away'
  return 'storageKey' in finding ? 'its jobs are done again' : 'taken out'
}

/** What a media that was changed or deleted just now is until a worker has done its jobs. */
const isPassing = ({ problem }: Finding): boolean =>
  problem === 'never-discarded' || problem === 'wrong-title' || problem === 'unknown-document'

const nameOf = (finding: Finding): string => `${finding.problem} ${placeOf(finding)}`

const placeOf = (finding: Finding): string => ('storageKey' in finding ? finding.storageKey : finding.id)

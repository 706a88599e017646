import type { Doctor } from '../../application/upkeep/doctor.ts'
import { type Examination, type FileFinding, type Finding, placeOfFinding } from '../../application/upkeep/findings.ts'
import { escapeControls, unavailableText } from './terminal.ts'

/** The options of `mediaport doctor`. */
export interface DoctorOptions {
  readonly repair?: boolean
  readonly deleteUnknown?: boolean
  readonly yes?: boolean
  readonly json?: boolean
  /** See `Doctor.examine`. */
  readonly jobsMs?: number
}

const DELETED_OUTCOME = 'deleted'
const NOT_DELETED_OUTCOME = 'could not be deleted; delete it by hand'

/** Prints the findings. Returns the exit status: 1 if there are any, also if they were repaired. */
export async function examine(doctor: Doctor, options: DoctorOptions): Promise<number> {
  const examined = await doctor.examine(options)
  if (examined.isErr()) {
    console.error(unavailableText(examined.error))
    return 1
  }
  const { findings, ...counts } = examined.value
  const outcomes: { finding: Finding; repair: string }[] = []
  for (const finding of findings)
    outcomes.push({ finding, repair: await repair(doctor, finding, examined.value, options) })

  // A file in a folder that mediaport does not use is not found by its key.
  if (outcomes.some((outcome) => outcome.repair === DELETED_OUTCOME)) {
    const remaining = await doctor.examine({ jobsMs: 0 })
    const places = new Set(remaining.map((later) => later.findings.map(placeOfFinding)).unwrapOr([]))
    for (const outcome of outcomes)
      if (outcome.repair === DELETED_OUTCOME && places.has(placeOfFinding(outcome.finding)))
        outcome.repair = NOT_DELETED_OUTCOME
  }

  if (options.json)
    console.log(
      JSON.stringify({
        ...counts,
        findings: outcomes.map((outcome) => ({ ...outcome.finding, mended: outcome.repair })),
      }),
    )
  else {
    for (const { finding, repair } of outcomes)
      console.log(
        [finding.problem.padEnd(21), placeOfFinding(finding), finding.detail, repair].map(escapeControls).join('  '),
      )
    const counted = Object.entries(counts).map(([name, count]) => `${count} ${name}`)
    console.log(`${counted.join(', ')}, ${findings.length} findings`)
  }
  return findings.length > 0 ? 1 : 0
}

/** Repairs a finding as the options allow. Returns what it did, for people. */
async function repair(doctor: Doctor, finding: Finding, all: Examination, options: DoctorOptions): Promise<string> {
  if (finding.problem === 'unknown-file') return deleteUnknown(doctor, finding, all, options)
  if (!options.repair) return ''
  if (finding.problem === 'unknown-storage') return 'only that storage has its file'
  if (finding.problem === 'file-missing' || finding.problem === 'file-of-another-size')
    return 'only a backup can have its file'
  const repaired = await doctor.repair(finding)
  if (repaired.isErr()) return 'could not be repaired'
  if (finding.problem === 'upload-stuck') return 'abandoned'
  return 'storageKey' in finding ? 'its jobs are added again' : 'removed'
}

async function deleteUnknown(
  doctor: Doctor,
  finding: FileFinding,
  all: Examination,
  options: DoctorOptions,
): Promise<string> {
  if (!options.deleteUnknown) return options.repair ? 'kept; --delete-unknown deletes it' : ''
  if (!options.repair) return 'kept; --delete-unknown needs --repair'
  const deleted = await doctor.deleteUnknown(finding, all, { force: options.yes })
  if (deleted.isOk()) return DELETED_OUTCOME
  if (deleted.error.type === 'unavailable') return NOT_DELETED_OUTCOME
  const { unknownFiles, files } = deleted.error
  return `kept; ${unknownFiles} of ${files} files are unknown, so this may be the wrong database. --yes deletes them`
}

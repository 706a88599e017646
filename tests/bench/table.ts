import { GOALS, isMet } from './goals.ts'
import { REFERENCES, type Report, show, type WorkloadReport } from './results.ts'
import { labelOf } from './targets.ts'

/** One workload as Markdown: medians, then ratios within the run. */
export function table(name: string, { title, rounds, targets }: WorkloadReport): string {
  const all = Object.values(targets)
  const figures = [...new Set(all.flatMap(({ values }) => Object.keys(values)))]
  const references = REFERENCES.filter((reference) => all.some(({ ratios }) => ratios[reference] !== undefined))
  const head = ['', ...figures, ...references.map((reference) => `× ${reference}`)]
  const rows = Object.entries(targets).map(([target, { values, ratios }]) => [
    labelOf(target),
    ...figures.map((figure) => show(values[figure])),
    ...references.map((reference) => show(ratios[reference])),
  ])
  return `### ${name}: ${title}\n\nMedian of ${rounds} rounds.\n\n${markdown([head, ...rows])}`
}

/** Each goal with its figure, so far as it was measured. */
export function goalTable(report: Report): string {
  const rows = GOALS.map((goal) => {
    const got = goal.of(report)
    const limit = goal.atLeast === undefined ? `≤ ${goal.atMost}` : `≥ ${goal.atLeast}`
    return [goal.text, limit, show(got), got === undefined ? 'not measured' : isMet(goal, got) ? 'met' : 'missed']
  })
  return markdown([['', 'goal', 'measured', ''], ...rows])
}

function markdown(rows: readonly (readonly string[])[]): string {
  const [head = [], ...rest] = rows
  const line = head.map((_, n) => (n === 0 ? '---' : '---:'))
  return [head, line, ...rest].map((row) => `| ${row.join(' | ')} |\n`).join('')
}

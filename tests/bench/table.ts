import { REFERENCES, type Results } from './results.ts'
import { TARGETS } from './targets.ts'

/** A Markdown table of one workload: medians, then ratios within the run. */
export function table(results: Results): string {
  const { workload, targets } = results
  const figures = [...new Set(targets.flatMap((target) => results.figures(target)))]
  const references = REFERENCES.filter((name) => targets.some((target) => results.ratio(target, name) !== undefined))
  const head = ['', ...figures, ...references.map((name) => `× ${name}`)]
  const rows = targets.map((target) => [
    TARGETS.find(({ name }) => name === target)?.label ?? target,
    ...figures.map((figure) => show(results.value(target, figure))),
    ...references.map((name) => results.ratio(target, name)?.toFixed(2) ?? ''),
  ])
  const lines = [head, head.map((_, n) => (n === 0 ? '---' : '---:')), ...rows].map((row) => `| ${row.join(' | ')} |`)
  return `### ${workload.name}: ${workload.title}\n\n${lines.join('\n')}\n`
}

/** Three significant digits, and no more than are there. */
export function show(value: number): string {
  if (Number.isNaN(value)) return ''
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)
}

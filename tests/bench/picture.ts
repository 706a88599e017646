import { type Report, show } from './results.ts'
import { labelOf, TARGETS } from './targets.ts'

const WIDTH = 860
const LABEL_WIDTH = 260
const BAR_WIDTH = 480
const LINE = 22
const TITLE = 44

const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328 } .title { font-weight: 600; font-size: 15px } .note { fill: #59636e }
  .limit { fill: #c8cdd3 } .peer { fill: #8593a5 } .mediaport { fill: #1a7f5a }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .note { fill: #9198a1 } .limit { fill: #3d444d } .peer { fill: #6b7889 } .mediaport { fill: #3fb984 }
  }`

/** Bars for each workload that compares targets, as an SVG document for light and dark pages. */
export function picture(report: Report): string {
  let y = 0
  const parts: string[] = []
  for (const { title, figure, isLowerBetter, targets } of Object.values(report)) {
    // Beside a server that does nothing, all others look alike.
    const shown = Object.entries(targets).filter(([name]) => name !== 'bare-drain')
    const bars = shown.map(([name, { values }]) => ({ name, value: values[figure] ?? 0 }))
    if (bars.length < 2) continue
    const most = Math.max(...bars.map(({ value }) => value))
    const note = `${figure}, ${isLowerBetter ? 'less' : 'more'} is better`
    y += TITLE
    parts.push(text(4, y - 14, `${escape(title)} <tspan class="note">${note}</tspan>`, 'title'))
    for (const { name, value } of bars) {
      const kind = TARGETS.find((target) => target.name === name)?.kind ?? 'peer'
      const width = Math.max(1, (value / most) * BAR_WIDTH)
      parts.push(
        text(LABEL_WIDTH - 10, y + 15, escape(labelOf(name)), '', 'end'),
        `<rect class="${kind}" x="${LABEL_WIDTH}" y="${y + 3}" width="${width.toFixed(1)}" height="${LINE - 6}" rx="2"/>`,
        text(LABEL_WIDTH + width + 8, y + 15, show(value)),
      )
      y += LINE
    }
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" viewBox="0 0 ${WIDTH} ${y + 10}" role="img" aria-label="Benchmark of mediaport and other upload servers">
<style>${STYLE}</style>
${parts.join('\n')}
</svg>
`
}

const text = (x: number, y: number, content: string, kind = '', anchor = 'start'): string =>
  `<text x="${x.toFixed(1)}" y="${y}" class="${kind}" text-anchor="${anchor}">${content}</text>`

const escape = (plain: string): string => plain.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

/** A function with all that it called, by name. */
export interface Frame {
  readonly name: string
  /** Whose code it is: the name of a package, `mediaport`, `Node` or `garbage collection`. */
  readonly owner: string
  /** In µs. */
  self: number
  readonly children: Map<string, Frame>
}

const WIDTH = 1200
const ROW = 17
const HEAD = 70
const DEEPEST = 32
/** A frame that is narrower is left out. */
const NARROWEST = 2
const CHARACTER = 6.2

const COLOURS: Readonly<Record<string, string>> = {
  mediaport: '#7fc8a2',
  Node: '#c8cdd3',
  'garbage collection': '#e5a3a3',
  'packages from npm': '#a9c3e8',
}

/** @returns an SVG document: the width of a frame is its share of the CPU time, its callers lie above it. */
export function flameGraph(root: Frame, title: string): string {
  const all = total(root)
  const parts: string[] = []
  let depths = 0
  const draw = (frame: Frame, x: number, depth: number) => {
    const width = (total(frame) / all) * WIDTH
    if (width < NARROWEST || depth > DEEPEST) return
    depths = Math.max(depths, depth + 1)
    const y = HEAD + depth * ROW
    const share = ((width / WIDTH) * 100).toFixed(1)
    const shown = frame.name.slice(0, Math.max(0, Math.floor((width - 4) / CHARACTER)))
    const label = shown.length > 2 ? `<text x="${(x + 2).toFixed(1)}" y="${y + 12}">${escape(shown)}</text>` : ''
    parts.push(
      `<g><title>${escape(frame.name)}, ${share} %</title><rect x="${x.toFixed(1)}" y="${y}" width="${(width - 0.5).toFixed(1)}" height="${ROW - 1}" fill="${colourOf(frame.owner)}"/>${label}</g>`,
    )
    let left = x
    for (const child of ordered(frame)) {
      draw(child, left, depth + 1)
      left += (total(child) / all) * WIDTH
    }
  }
  let x = 0
  for (const child of ordered(root)) {
    draw(child, x, 0)
    x += (total(child) / all) * WIDTH
  }
  const legend = Object.entries(COLOURS).map(
    ([owner, colour], nth) =>
      `<rect x="${nth * 170}" y="46" width="12" height="12" fill="${colour}"/><text x="${nth * 170 + 17}" y="56">${owner}</text>`,
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEAD + depths * ROW + 4}" font-family="system-ui, sans-serif" font-size="11">
<rect width="100%" height="100%" fill="#fff"/>
<text x="0" y="16" font-size="14">${escape(title)}</text>
<text x="0" y="34">The whole width is ${Math.round(all / 1000)} ms of the main thread; without what they call, ${owners(root, all)}</text>
${legend.join('\n')}
${parts.join('\n')}
</svg>
`
}

const colourOf = (owner: string): string => COLOURS[owner] ?? COLOURS['packages from npm'] ?? ''

const ordered = ({ children }: Frame): Frame[] => [...children.values()].toSorted((a, b) => total(b) - total(a))

function total({ self, children }: Frame): number {
  let sum = self
  for (const child of children.values()) sum += total(child)
  return sum
}

/** The five that need most by themselves, without what they call. */
function owners(root: Frame, all: number): string {
  const times = new Map<string, number>()
  const visit = ({ owner, self, children }: Frame) => {
    times.set(owner, (times.get(owner) ?? 0) + self)
    for (const child of children.values()) visit(child)
  }
  visit(root)
  const most = [...times].toSorted(([, a], [, b]) => b - a).slice(0, 5)
  return most.map(([owner, time]) => `${owner} ${Math.round((time / all) * 100)} %`).join(', ')
}

const escape = (plain: string): string => plain.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

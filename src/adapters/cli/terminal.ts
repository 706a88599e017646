import { SingleBar } from 'cli-progress'
import type { Dependency, Unavailable } from '../../application/ports/unavailable.ts'

/** Escapes control characters. In a file name they could move the cursor or rename the window of a terminal. */
export const escapeControls = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)

export interface Progress {
  /** @param done The bytes or items done so far. */
  show(done: number): void
  end(): void
}

/** Shows a progress bar on standard error. Does nothing if that is not a terminal. */
export function progressBar(label: string, total: number): Progress {
  if (!process.stderr.isTTY) return { show: () => {}, end: () => {} }
  const bar = new SingleBar({
    format: `${escapeControls(label)} {bar} {percentage}% {eta_formatted}`,
    stream: process.stderr,
    clearOnComplete: true,
    hideCursor: true,
  })
  bar.start(total, 0)
  return { show: (done) => bar.update(done), end: () => bar.stop() }
}

/** Shows a count on standard error, for work of unknown size. Does nothing if that is not a terminal. */
export function counter(label: string): Progress {
  if (!process.stderr.isTTY) return { show: () => {}, end: () => {} }
  return {
    show: (done) => process.stderr.write(`\r${done} ${label}`),
    end: () => process.stderr.write('\r\u001b[K'),
  }
}

const DEPENDENCY_NAMES: Record<Dependency, string> = {
  database: 'database',
  storage: 'file storage',
  metadata: 'metadata store',
  titles: 'title cache',
  'identity-provider': 'identity provider',
}

/** The error text for a service that does not answer. */
export const unavailableText = ({ dependency, cause }: Unavailable): string =>
  `The ${DEPENDENCY_NAMES[dependency]} does not answer: ${escapeControls(String(cause))}`

const SIZE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

/** Formats a size with a binary unit: `1.5 MiB`. */
export function humanSize(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(SIZE_UNITS.length - 1, Math.floor(Math.log2(bytes) / 10))
  return `${(bytes / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${SIZE_UNITS[power]}`
}

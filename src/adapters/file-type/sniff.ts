import { fileTypeFromBuffer } from 'file-type'
import type { Sniff } from '../../application/ports/sniff.ts'

/** An XML declaration, comments and a document type may stand before the root element. */
const SVG =
  /^\uFEFF?\s*(<\?xml[^>]*>\s*)?(<!--[^]*?-->\s*)*(<!DOCTYPE\s+svg[^>[]*(\[[^]*?\]\s*)?>\s*)?(<!--[^]*?-->\s*)*<(\w+:)?svg[\s>]/i

/** Recognises binary files by their magic numbers, and SVG by its root element. */
export const sniff: Sniff = async (head) => {
  const found = await fileTypeFromBuffer(head)
  if (found && found.mime !== 'application/xml') return found.mime.split(';')[0]
  return SVG.test(new TextDecoder().decode(head)) ? 'image/svg+xml' : found?.mime
}

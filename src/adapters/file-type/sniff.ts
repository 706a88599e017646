import { fileTypeFromBuffer } from 'file-type'
import type { Sniff } from '../../application/ports/sniff.ts'

/** Matches an `svg` root element, also after an XML declaration, comments and a document type. */
const SVG_ROOT =
  /^\uFEFF?\s*(<\?xml[^>]*>\s*)?(<!--[^]*?-->\s*)*(<!DOCTYPE\s+svg[^>[]*(\[[^]*?\]\s*)?>\s*)?(<!--[^]*?-->\s*)*<(\w+:)?svg[\s>]/i

/** Recognises binary files by their magic numbers (package `file-type`), and SVG by its root element. */
export const sniff: Sniff = async (head) => {
  const fileType = await fileTypeFromBuffer(head)
  if (fileType && fileType.mime !== 'application/xml') return fileType.mime.split(';')[0]
  return SVG_ROOT.test(new TextDecoder().decode(head)) ? 'image/svg+xml' : fileType?.mime
}

import { getResolvedPDFJS } from 'unpdf'
import type { Metadata } from '../../domain/metadata.ts'
import type { ByteSource } from './byte-source.ts'
import { cleanTags, TRUNCATED_REASON } from './clean-tags.ts'

const HEAD_BYTES = 1024

/**
 * Reads the number of pages, the document information and the XMP metadata of a PDF. PDF.js requests only the ranges
 * that it needs, and starts with the cross-reference table at the end of the file.
 */
export async function describePdf(source: ByteSource): Promise<Metadata> {
  const { getDocument, PDFDataRangeTransport } = await getResolvedPDFJS()
  const range = new PDFDataRangeTransport(source.size, await source.bytes(0, Math.min(HEAD_BYTES, source.size)))
  const readFailure = Promise.withResolvers<never>()
  range.requestDataRange = (begin: number, end: number) => {
    source.bytes(begin, end).then((bytes) => range.onDataRange(begin, new Uint8Array(bytes)), readFailure.reject)
  }
  const task = getDocument({
    range,
    disableAutoFetch: true,
    disableStream: true,
    verbosity: 0,
  })
  const metadata = readDocument(task)
  metadata.catch(() => undefined)
  try {
    return await Promise.race([metadata, readFailure.promise])
  } finally {
    void task.destroy()
  }
}

async function readDocument(
  task: ReturnType<Awaited<ReturnType<typeof getResolvedPDFJS>>['getDocument']>,
): Promise<Metadata> {
  const document = await task.promise
  const { info, metadata } = await document.getMetadata()
  const { tags, isTruncated } = cleanTags({ info, ...(metadata && { xmp: Object.fromEntries(metadata) }) })
  const fields = { format: 'pdf', pages: document.numPages, tags }
  return isTruncated ? { status: 'partial', reason: TRUNCATED_REASON, ...fields } : { status: 'ready', ...fields }
}

import { getResolvedPDFJS } from 'unpdf'
import type { Metadata } from '../../domain/metadata.ts'
import type { ByteSource } from './byte-source.ts'
import { cleanTags } from './clean-tags.ts'
import { CUT } from './picture.ts'

const BEGINNING = 1024

/** A document, read from its end: the table of what lies where, the number of pages and what it says of itself. */
export async function describePdf(source: ByteSource): Promise<Metadata> {
  const { getDocument, PDFDataRangeTransport } = await getResolvedPDFJS()
  const range = new PDFDataRangeTransport(source.size, await source.bytes(0, Math.min(BEGINNING, source.size)))
  const failed = Promise.withResolvers<never>()
  range.requestDataRange = (begin: number, end: number) => {
    source.bytes(begin, end).then((bytes) => range.onDataRange(begin, new Uint8Array(bytes)), failed.reject)
  }
  const loading = getDocument({
    range,
    disableAutoFetch: true,
    disableStream: true,
    verbosity: 0,
  })
  const work = read(loading)
  work.catch(() => undefined)
  try {
    return await Promise.race([work, failed.promise])
  } finally {
    void loading.destroy()
  }
}

async function read(
  loading: ReturnType<Awaited<ReturnType<typeof getResolvedPDFJS>>['getDocument']>,
): Promise<Metadata> {
  const document = await loading.promise
  const { info, metadata } = await document.getMetadata()
  const { tags, isCut } = cleanTags({ info, ...(metadata && { xmp: Object.fromEntries(metadata) }) })
  const known = { format: 'pdf', pages: document.numPages, tags }
  return isCut ? { status: 'partial', reason: CUT, ...known } : { status: 'ready', ...known }
}

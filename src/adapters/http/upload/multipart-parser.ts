import { MAX_FIELD_BYTES, MAX_FIELDS, MAX_FORM_OVERHEAD_BYTES } from '../limits.ts'
import { malformed, type PartHead, parsePartHead, RefusedForm } from './part-headers.ts'

/** The file is a part, too. */
const MAX_PARTS = MAX_FIELDS + 1
const MAX_HEADER_BYTES = 16 * 1024

const CR = 13
const CRLF = '\r\n'
const HEADER_END = Buffer.from('\r\n\r\n')
const NOTHING = Buffer.alloc(0)

/** Receives the parts of a form in their order. */
export interface PartReader {
  beginFile(head: PartHead): void
  /** Some bytes of the file that was begun last. */
  readFile(bytes: Buffer): void
  endFile(): void
  readField(head: PartHead, value: Buffer): void
}

/**
 * Splits a multipart/form-data body (RFC 7578, RFC 2046 section 5.1) into its parts. `push` and `end` throw a
 * `RefusedForm` at the first byte that breaks a rule: parts without a proper Content-Disposition, encoded parts, endless
 * headers, fields, preambles and epilogues.
 */
export class MultipartParser {
  readonly #delimiter: Buffer
  readonly #maxFileSize: number
  readonly #reader: PartReader
  #state: 'start' | 'content' | 'delimiter' | 'headers' | 'epilogue' = 'start'
  /** Bytes that the next chunk decides about. */
  #held: Buffer = NOTHING
  #part: PartHead | undefined
  #partBytes = 0
  #field: Buffer[] = []
  #parts = 0
  #besideFile = 0

  /** @param maxFileSize bytes; the reader itself holds files to it. Here it limits what no reader takes. */
  constructor(boundary: string, maxFileSize: number, reader: PartReader) {
    this.#delimiter = Buffer.from(`${CRLF}--${boundary}`)
    this.#maxFileSize = maxFileSize
    this.#reader = reader
  }

  push(chunk: Buffer): void {
    let rest: Buffer | undefined = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    this.#held = NOTHING
    while (rest !== undefined && rest.length > 0) rest = this.#read(rest)
  }

  end(): void {
    if (this.#state !== 'epilogue') throw malformed('The body ends before its closing boundary.')
  }

  /** Takes some of `data` and returns the rest for the next state. */
  #read(data: Buffer): Buffer | undefined {
    switch (this.#state) {
      case 'start':
        return this.#readStart(data)
      case 'content':
        return this.#readContent(data)
      case 'delimiter':
        return this.#readDelimiterEnd(data)
      case 'headers':
        return this.#readHeaders(data)
      case 'epilogue':
        this.#countBesideFile(data.length)
    }
  }

  /** The form's start counts as a line's start, so the first delimiter may come without a line break before it. */
  #readStart(data: Buffer): Buffer | undefined {
    const delimiter = this.#delimiter.subarray(CRLF.length)
    if (data.length < delimiter.length) {
      this.#held = data
      return undefined
    }
    const isDelimiter = data.subarray(0, delimiter.length).equals(delimiter)
    this.#state = isDelimiter ? 'delimiter' : 'content'
    return isDelimiter ? data.subarray(delimiter.length) : data
  }

  /** The bytes of a part, or the preamble. */
  #readContent(data: Buffer): Buffer | undefined {
    const at = data.indexOf(this.#delimiter)
    const end = at >= 0 ? at : this.#endOfContent(data)
    if (end > 0) this.#take(data.subarray(0, end))
    if (at < 0) {
      this.#held = data.subarray(end)
      return undefined
    }
    this.#endPart()
    this.#state = 'delimiter'
    return data.subarray(at + this.#delimiter.length)
  }

  /** Where a delimiter may begin that `data` has not all of. A boundary has no CR, so only the last one can begin it. */
  #endOfContent(data: Buffer): number {
    const at = data.lastIndexOf(CR)
    const tail = at < 0 ? NOTHING : data.subarray(at)
    const begins = tail.length < this.#delimiter.length && this.#delimiter.subarray(0, tail.length).equals(tail)
    return begins ? data.length - tail.length : data.length
  }

  /** Two hyphens end the form, a line break begins a part. */
  #readDelimiterEnd(data: Buffer): Buffer | undefined {
    if (data.length < 2) {
      this.#held = data
      return undefined
    }
    const next = data.toString('latin1', 0, 2)
    if (next === CRLF) this.#state = 'headers'
    else if (next === '--') this.#state = 'epilogue'
    else throw malformed('The boundary is followed by something else than a part.')
    return data.subarray(2)
  }

  #readHeaders(data: Buffer): Buffer | undefined {
    const end = data.indexOf(HEADER_END)
    if ((end < 0 ? data.length : end) > MAX_HEADER_BYTES) throw malformed('The headers of a part are too long.')
    if (end < 0) {
      this.#held = data
      return undefined
    }
    if (++this.#parts > MAX_PARTS) throw new RefusedForm({ type: 'too-many-parts' })
    this.#part = parsePartHead(data.toString('latin1', 0, end))
    this.#partBytes = 0
    this.#countBesideFile(end)
    this.#state = 'content'
    if (this.#part.isFile) this.#reader.beginFile(this.#part)
    return data.subarray(end + HEADER_END.length)
  }

  #take(bytes: Buffer): void {
    this.#partBytes += bytes.length
    if (this.#part?.isFile) {
      this.#reader.readFile(bytes)
      return
    }
    // A field with an empty file name is a file that nobody chose: it may be as large as one.
    if (this.#part?.filename === undefined) this.#countBesideFile(bytes.length)
    else if (this.#partBytes > this.#maxFileSize + MAX_FORM_OVERHEAD_BYTES) throw this.#tooLarge()
    if (this.#part === undefined) return
    if (this.#partBytes <= MAX_FIELD_BYTES) this.#field.push(bytes)
    else if (this.#part.filename === undefined) throw new RefusedForm({ type: 'field-too-large' })
  }

  #endPart(): void {
    const part = this.#part
    this.#part = undefined
    if (part?.isFile) this.#reader.endFile()
    else if (part && this.#partBytes > MAX_FIELD_BYTES) throw new RefusedForm({ type: 'field-too-large' })
    else if (part) this.#reader.readField(part, Buffer.concat(this.#field.splice(0)))
  }

  #countBesideFile(bytes: number): void {
    this.#besideFile += bytes
    if (this.#besideFile > MAX_FORM_OVERHEAD_BYTES) throw this.#tooLarge()
  }

  #tooLarge(): RefusedForm {
    return new RefusedForm({ type: 'too-large', limit: this.#maxFileSize })
  }
}

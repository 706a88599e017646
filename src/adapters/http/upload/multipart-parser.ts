import { MAX_FIELD_BYTES, MAX_FIELDS, MAX_FORM_OVERHEAD_BYTES } from '../limits.ts'
import { malformed, type PartHead, parsePartHead, RefusedForm } from './part-headers.ts'

/** The text fields and the file. */
const MAX_PARTS = MAX_FIELDS + 1
const MAX_HEADER_BYTES = 16 * 1024

const CR = 13
const CRLF = '\r\n'
const HEADER_END = Buffer.from('\r\n\r\n')
const NOTHING = Buffer.alloc(0)

/** Receives the parts of a form, in order. */
export interface PartReader {
  beginFile(head: PartHead): void
  /** Receives the next bytes of the file of the last `beginFile`. */
  readFile(bytes: Buffer): void
  endFile(): void
  readField(head: PartHead, value: Buffer): void
}

/**
 * Splits a multipart/form-data body (RFC 7578, RFC 2046 section 5.1) into its parts. `push` and `end` throw a
 * `RefusedForm` as soon as the body breaks a rule: a part without a valid Content-Disposition, an encoded part, or
 * headers, fields, a preamble or an epilogue above the limits.
 */
export class MultipartParser {
  readonly #delimiter: Buffer
  readonly #maxFileSize: number
  readonly #reader: PartReader
  #state: 'start' | 'content' | 'delimiter' | 'headers' | 'epilogue' = 'start'
  /** Bytes that can be read only together with the next chunk. */
  #remainder: Buffer = NOTHING
  #part: PartHead | undefined
  #partBytes = 0
  #field: Buffer[] = []
  #parts = 0
  /** The bytes of the form so far that are not its file. */
  #overheadBytes = 0

  /**
   * @param maxFileSize In bytes. The reader checks the size of files. The parser limits only bytes that it does not
   *   pass on.
   */
  constructor(boundary: string, maxFileSize: number, reader: PartReader) {
    this.#delimiter = Buffer.from(`${CRLF}--${boundary}`)
    this.#maxFileSize = maxFileSize
    this.#reader = reader
  }

  push(chunk: Buffer): void {
    let rest: Buffer | undefined = this.#remainder.length === 0 ? chunk : Buffer.concat([this.#remainder, chunk])
    this.#remainder = NOTHING
    while (rest !== undefined && rest.length > 0) rest = this.#read(rest)
  }

  end(): void {
    if (this.#state !== 'epilogue') throw malformed('The body ends before its closing boundary.')
  }

  /** Reads a part of `data` and returns the rest, which belongs to the next state. */
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
        this.#countOverhead(data.length)
    }
  }

  /** The first delimiter needs no line break before it. */
  #readStart(data: Buffer): Buffer | undefined {
    const delimiter = this.#delimiter.subarray(CRLF.length)
    if (data.length < delimiter.length) {
      this.#remainder = data
      return undefined
    }
    const isDelimiter = data.subarray(0, delimiter.length).equals(delimiter)
    this.#state = isDelimiter ? 'delimiter' : 'content'
    return isDelimiter ? data.subarray(delimiter.length) : data
  }

  /** Reads bytes of a part or of the preamble. */
  #readContent(data: Buffer): Buffer | undefined {
    const at = data.indexOf(this.#delimiter)
    const end = at >= 0 ? at : this.#endOfContent(data)
    if (end > 0) this.#take(data.subarray(0, end))
    if (at < 0) {
      this.#remainder = data.subarray(end)
      return undefined
    }
    this.#endPart()
    this.#state = 'delimiter'
    return data.subarray(at + this.#delimiter.length)
  }

  /**
   * Returns where the content ends if `data` ends with the start of a delimiter. A boundary contains no CR, so only the
   * last CR can start one.
   */
  #endOfContent(data: Buffer): number {
    const at = data.lastIndexOf(CR)
    const tail = at < 0 ? NOTHING : data.subarray(at)
    const isStart = tail.length < this.#delimiter.length && this.#delimiter.subarray(0, tail.length).equals(tail)
    return isStart ? data.length - tail.length : data.length
  }

  /** Two hyphens end the form. A line break starts a part. */
  #readDelimiterEnd(data: Buffer): Buffer | undefined {
    if (data.length < 2) {
      this.#remainder = data
      return undefined
    }
    const next = data.toString('latin1', 0, 2)
    if (next === CRLF) this.#state = 'headers'
    else if (next === '--') this.#state = 'epilogue'
    else throw malformed('A boundary is followed neither by a part nor by the end of the form.')
    return data.subarray(2)
  }

  #readHeaders(data: Buffer): Buffer | undefined {
    const end = data.indexOf(HEADER_END)
    if ((end < 0 ? data.length : end) > MAX_HEADER_BYTES) throw malformed('The headers of a part are too long.')
    if (end < 0) {
      this.#remainder = data
      return undefined
    }
    if (++this.#parts > MAX_PARTS) throw new RefusedForm({ type: 'too-many-parts' })
    this.#part = parsePartHead(data.toString('latin1', 0, end))
    this.#partBytes = 0
    this.#countOverhead(end)
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
    // A part with an empty file name is the file field of an HTML form without a chosen file. It may be as large as a
    // file.
    if (this.#part?.filename === undefined) this.#countOverhead(bytes.length)
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

  #countOverhead(bytes: number): void {
    this.#overheadBytes += bytes
    if (this.#overheadBytes > MAX_FORM_OVERHEAD_BYTES) throw this.#tooLarge()
  }

  #tooLarge(): RefusedForm {
    return new RefusedForm({ type: 'too-large', limit: this.#maxFileSize })
  }
}

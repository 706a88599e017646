import { Transform, type TransformCallback } from 'node:stream'
import type { HttpRefusal } from '../problem.ts'

/** Bytes of a form that are not file: preamble, epilogue, headers and fields together. */
const MAX_BESIDE_FILE = 1024 * 1024
export const MAX_FIELD_BYTES = 8 * 1024
const MAX_PARTS = 21
const MAX_HEADER_BYTES = 16 * 1024
const MAX_HEADER_LINES = 16

const CRLF = Buffer.from('\r\n')
const HEADER_END = Buffer.from('\r\n\r\n')
const NOTHING = Buffer.alloc(0)
/** RFC 9110 section 5.6.2 tokens; values without control characters, so no folded lines either. */
const HEADER_LINE = /^[!#$%&'*+.^_`|~0-9a-z-]+:[\t\x20-\x7e\x80-\xff]*$/i
/** RFC 6266 section 4.1; the parser behind skips a part in silence when it can't read this. */
const FORM_DATA =
  /^[^:]*:[ \t]*form-data([ \t]*;[ \t]*[!#$%&'*+.^_`|~0-9a-z-]+=("([^"\\]|\\.)*"|[!#$%&'*+.^_`|~0-9a-z-]+))+[ \t]*$/i
const QUOTED = /"([^"\\]|\\.)*"/g
const IDENTITY_ENCODING = /:\s*(7bit|8bit|binary)\s*$/i

export type FormRefusal = HttpRefusal | { readonly type: 'too-large'; readonly limit: number }

/** A refusal on its way through a stream. */
export class RefusedForm extends Error {
  readonly refusal: FormRefusal

  constructor(refusal: FormRefusal) {
    super(refusal.type)
    this.refusal = refusal
  }
}

/**
 * Lets a multipart/form-data body (RFC 7578, RFC 2046 section 5.1) pass up to its closing boundary and ends with a
 * `RefusedForm` at what the parser behind it would skip in silence or notice only at the end: parts without a proper
 * Content-Disposition, encoded parts, endless headers, fields, preambles and epilogues.
 */
export class MultipartGuard extends Transform {
  readonly #delimiter: Buffer
  readonly #maxFileSize: number
  #state: 'content' | 'delimiter' | 'headers' | 'epilogue' = 'content'
  /** The end of what was searched, in case the delimiter began there; the form's start counts as a line's start. */
  #tail: Buffer = CRLF
  #held: Buffer = NOTHING
  #parts = 0
  #inPart: 'file' | 'field' | undefined
  #partBytes = 0
  #besideFile = 0

  constructor(boundary: string, maxFileSize: number) {
    super()
    this.#delimiter = Buffer.from(`\r\n--${boundary}`)
    this.#maxFileSize = maxFileSize
  }

  /** How many have begun. */
  get parts(): number {
    return this.#parts
  }

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    try {
      let rest = chunk
      while (rest.length > 0 && this.#state !== 'epilogue') rest = this.#read(rest)
      this.#check(rest.length)
      // The parser behind takes parts in the epilogue for parts of the form, when they come in one chunk with its end.
      done(null, chunk.subarray(0, chunk.length - rest.length))
    } catch (refused) {
      done(refused as RefusedForm)
    }
  }

  override _flush(done: TransformCallback): void {
    if (this.#state === 'epilogue') done()
    else done(malformed('The body ends before its closing boundary.'))
  }

  /** Takes some of `data` and leaves the rest for the next state. */
  #read(data: Buffer): Buffer {
    switch (this.#state) {
      case 'content':
        return this.#readContent(data)
      case 'delimiter':
        return this.#readDelimiterEnd(data)
      case 'headers':
        return this.#readHeaders(data)
      case 'epilogue':
        return data
    }
  }

  /** What a part holds, or the preamble. */
  #readContent(data: Buffer): Buffer {
    const end = this.#findDelimiter(data)
    const skipped = end ?? data.length
    this.#partBytes += skipped
    this.#check(skipped)
    if (end === undefined) return NOTHING
    this.#inPart = undefined
    this.#state = 'delimiter'
    return data.subarray(end)
  }

  /** Two hyphens end the form, a line break begins a part. */
  #readDelimiterEnd(data: Buffer): Buffer {
    const next = Buffer.concat([this.#held, data.subarray(0, 2 - this.#held.length)])
    const rest = data.subarray(next.length - this.#held.length)
    this.#held = next
    if (next.length < 2) return rest
    this.#held = NOTHING
    if (next.equals(CRLF)) this.#state = 'headers'
    else if (next.toString() === '--') this.#state = 'epilogue'
    else throw malformed('The boundary is followed by something else than a part.')
    return rest
  }

  #readHeaders(data: Buffer): Buffer {
    const block = Buffer.concat([this.#held, data])
    const end = block.indexOf(HEADER_END)
    if ((end < 0 ? block.length : end) > MAX_HEADER_BYTES) throw malformed('The headers of a part are too long.')
    if (end < 0) {
      this.#held = block
      return NOTHING
    }
    this.#beginPart(block.subarray(0, end).toString('latin1').split('\r\n'))
    const rest = data.subarray(end + HEADER_END.length - this.#held.length)
    this.#held = NOTHING
    this.#state = 'content'
    return rest
  }

  #beginPart(lines: string[]): void {
    if (++this.#parts > MAX_PARTS) throw new RefusedForm({ type: 'too-many-parts' })
    if (lines.length > MAX_HEADER_LINES || !lines.every((line) => HEADER_LINE.test(line)))
      throw malformed('The headers of a part are not well-formed.')
    const [disposition = '', second] = lines.filter((line) => /^content-disposition:/i.test(line))
    if (second !== undefined || !FORM_DATA.test(disposition))
      throw malformed('Each part needs one header "Content-Disposition: form-data" with a name.')
    const encoding = lines.find((line) => /^content-transfer-encoding:/i.test(line))
    if (encoding !== undefined && !IDENTITY_ENCODING.test(encoding))
      throw new RefusedForm({
        type: 'unsupported-transfer-encoding',
        detail: 'Send the parts as they are (RFC 7578 section 4.7).',
      })
    const isFile =
      /;\s*filename\*?=/i.test(disposition.replaceAll(QUOTED, '""')) ||
      lines.some((line) => /^content-type:\s*application\/octet-stream\s*(;|$)/i.test(line))
    this.#inPart = isFile ? 'file' : 'field'
    this.#partBytes = 0
    this.#tail = NOTHING
    this.#check(lines.join().length)
  }

  #check(bytes: number): void {
    // While a part goes on, the beginning of a delimiter may be among its bytes.
    const partBytes = this.#partBytes - this.#delimiter.length
    if (this.#inPart === 'field' && partBytes > MAX_FIELD_BYTES) throw new RefusedForm({ type: 'field-too-large' })
    if (this.#inPart !== 'file') this.#besideFile += bytes
    else if (partBytes > this.#maxFileSize + MAX_BESIDE_FILE) throw this.#tooLarge()
    if (this.#besideFile > MAX_BESIDE_FILE) throw this.#tooLarge()
  }

  #tooLarge(): RefusedForm {
    return new RefusedForm({ type: 'too-large', limit: this.#maxFileSize })
  }

  /** Where the first delimiter ends within `data`, if it does. */
  #findDelimiter(data: Buffer): number | undefined {
    const { length } = this.#delimiter
    const seam = Buffer.concat([this.#tail, data.subarray(0, length - 1)])
    const tailLength = this.#tail.length
    const atSeam = seam.indexOf(this.#delimiter)
    if (atSeam >= 0) return atSeam + length - tailLength
    const at = data.indexOf(this.#delimiter)
    if (at >= 0) return at + length
    this.#tail = (data.length < length ? seam : data).subarray(-(length - 1))
    return undefined
  }
}

const malformed = (detail: string): RefusedForm => new RefusedForm({ type: 'malformed-multipart', detail })

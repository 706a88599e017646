import type { HttpRefusal } from '../problem.ts'

/** Why a form is refused. */
export type FormRefusal =
  | HttpRefusal<
      | 'field-too-large'
      | 'invalid-field-name'
      | 'malformed-multipart'
      | 'too-many-files'
      | 'too-many-parts'
      | 'unexpected-file-field'
      | 'unsupported-transfer-encoding'
    >
  | { readonly type: 'missing-file' }
  | { readonly type: 'too-large'; readonly limit: number }

/** Thrown to stop reading a form. */
export class RefusedForm extends Error {
  readonly refusal: FormRefusal

  constructor(refusal: FormRefusal) {
    super(refusal.type)
    this.refusal = refusal
  }
}

export const malformed = (detail: string): RefusedForm => new RefusedForm({ type: 'malformed-multipart', detail })

/** The parsed headers of a part. */
export interface PartHead {
  /** The name of the form field. */
  readonly name: string
  /** Empty if no file was chosen in an HTML form. `undefined` if the part has no file name. */
  readonly filename: string | undefined
  /** Whether the part has a file name that is not empty, or is of the type application/octet-stream. */
  readonly isFile: boolean
  /** The character set of the value of a text field. */
  readonly charset: string
}

const MAX_HEADER_LINES = 16
/** RFC 9110 section 5.6.2. */
const TOKEN = "[!#$%&'*+.^_`|~0-9a-z-]+"
const QUOTED = String.raw`"(?:[^"\\]|\\.)*"`
/** Values must not contain control characters. So a folded header is refused, too. */
const HEADER_LINE = new RegExp(String.raw`^${TOKEN}:[\t\x20-\x7e\x80-\xff]*$`, 'i')
/** RFC 6266 section 4.1. */
const FORM_DATA = new RegExp(
  String.raw`^[^:]*:[ \t]*form-data(?:[ \t]*;[ \t]*${TOKEN}=(?:${QUOTED}|${TOKEN}))+[ \t]*$`,
  'i',
)
const PARAMETER = new RegExp(String.raw`;[ \t]*(${TOKEN})=(${QUOTED}|${TOKEN})`, 'gi')
/** RFC 8187 section 3.2.1. */
const EXTENDED_VALUE = /^([!#$%&+^_`{}~0-9a-z-]+)'[^']*'((?:[!#$&+.^_`|~0-9a-z-]|%[0-9a-f]{2})+)$/i
const IDENTITY_ENCODING = /:\s*(7bit|8bit|binary)\s*$/i
const OCTET_STREAM = /^content-type:\s*application\/octet-stream\s*(;|$)/i
const CHARSET = /;\s*charset="?([^\s;"]+)/i

/**
 * Parses the headers of a part (RFC 7578 section 4).
 *
 * @param block The headers as Latin-1, without the empty line at their end.
 * @throws RefusedForm
 */
export function parsePartHead(block: string): PartHead {
  const lines = block.split('\r\n')
  if (lines.length > MAX_HEADER_LINES || !lines.every((line) => HEADER_LINE.test(line)))
    throw malformed('A part has invalid headers.')
  const linesOf = (name: string) => lines.filter((line) => line.slice(0, name.length).toLowerCase() === name)
  const [disposition = '', second] = linesOf('content-disposition:')
  if (second !== undefined || !FORM_DATA.test(disposition))
    throw malformed('Each part needs exactly one header "Content-Disposition: form-data" with a name.')
  const [encoding] = linesOf('content-transfer-encoding:')
  if (encoding !== undefined && !IDENTITY_ENCODING.test(encoding))
    throw new RefusedForm({
      type: 'unsupported-transfer-encoding',
      detail: 'Send the parts without a Content-Transfer-Encoding (RFC 7578 section 4.7).',
    })

  const parameters = parametersOf(disposition)
  const name = parameters.get('name')
  if (!name) throw malformed('A part has no name.')
  const filename = parameters.get('filename*') ?? parameters.get('filename')
  const [type = ''] = linesOf('content-type:')
  const isFile = Boolean(filename) || OCTET_STREAM.test(type)
  return { name, filename, isFile, charset: CHARSET.exec(type)?.[1] ?? 'utf-8' }
}

/** The parameters of a Content-Disposition. If one occurs twice, the first counts. */
function parametersOf(disposition: string): Map<string, string> {
  const parameters = new Map<string, string>()
  for (const [, rawName = '', raw = ''] of disposition.matchAll(PARAMETER)) {
    const name = rawName.toLowerCase()
    const value = name.endsWith('*') ? extendedValue(raw) : plainValue(raw)
    if (value === undefined && name === 'filename*') throw new RefusedForm({ type: 'missing-file' })
    if (value === undefined) throw malformed('A parameter of a Content-Disposition cannot be decoded.')
    if (!parameters.has(name)) parameters.set(name, value)
  }
  return parameters
}

/** Decodes UTF-8, which browsers send. A backslash escapes only a quotation mark and a backslash. */
function plainValue(raw: string): string {
  const text = raw.startsWith('"') ? raw.slice(1, -1).replaceAll(/\\(["\\])/g, '$1') : raw
  return Buffer.from(text, 'latin1').toString()
}

function extendedValue(raw: string): string | undefined {
  const [, charset, encoded] = EXTENDED_VALUE.exec(raw) ?? []
  if (charset === undefined || encoded === undefined) return undefined
  const bytes = encoded.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
  return decode(Buffer.from(bytes, 'latin1'), charset)
}

/** Returns `undefined` if the character set is unknown. */
export function decode(bytes: Uint8Array, charset: string): string | undefined {
  try {
    return new TextDecoder(charset, { ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

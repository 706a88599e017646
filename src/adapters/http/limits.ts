/** The largest JSON body of a request. */
export const MAX_JSON_BYTES = 1024 * 1024
/** Bytes of a form that are not its file: boundaries, headers and fields. */
export const MAX_FORM_OVERHEAD_BYTES = 1024 * 1024
/** Text fields of a form. */
export const MAX_FIELDS = 20
/** Of a field's value. */
export const MAX_FIELD_BYTES = 8 * 1024
export const MAX_FIELD_NAME_BYTES = 64

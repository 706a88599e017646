/** The size of a JSON body. */
export const MAX_JSON_BYTES = 1024 * 1024
/** The size of a form without its file: boundaries, headers and fields. */
export const MAX_FORM_OVERHEAD_BYTES = 1024 * 1024
/** The number of text fields in a form. */
export const MAX_FIELDS = 20
/** The size of the value of a text field. */
export const MAX_FIELD_BYTES = 8 * 1024
export const MAX_FIELD_NAME_BYTES = 64

/** Limits of titles and tags. Characters are Unicode code points. */
export const MAX_TITLE_CHARACTERS = 200
export const MAX_TAG_CHARACTERS = 64
export const MAX_TAGS = 32

/** Limits of one page of a list, in media items. */
export const MAX_PAGE_ITEMS = 100
export const DEFAULT_PAGE_ITEMS = 20

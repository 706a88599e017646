/** Limits of what people may write about a media item. Characters are Unicode code points. */
export const MAX_TITLE_CHARACTERS = 200
export const MAX_TAG_CHARACTERS = 64
export const MAX_TAGS = 32

/** Media items on one page of a list. */
export const MAX_PAGE_ITEMS = 100
export const DEFAULT_PAGE_ITEMS = 20

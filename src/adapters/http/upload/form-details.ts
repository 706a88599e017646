import type { Fields } from '@koa/multer'
import { err, ok, type Result } from 'neverthrow'
import type { Details } from '../../../application/upload/details.ts'
import type { InvalidSha256 } from '../../../domain/values/digest.ts'
import type { InvalidTitle } from '../../../domain/values/title.ts'

/**
 * The text fields of an upload; others are ignored. A field given twice is a list. An empty field means none, as an HTML
 * form sends what was not filled in; commas separate tags.
 */
export function formDetails({ title, tags = [], sha256 }: Fields): Result<Details, InvalidTitle | InvalidSha256> {
  if (typeof title === 'object') return err({ type: 'invalid-title', reason: 'repeated' })
  if (typeof sha256 === 'object') return err({ type: 'invalid-sha256' })
  return ok({
    title: title === '' ? undefined : title,
    tags: [tags]
      .flat()
      .flatMap((list) => list.split(','))
      .filter((tag) => tag.trim() !== ''),
    sha256: sha256 === '' ? undefined : sha256,
  })
}

import type { Fields } from '@koa/multer'
import { err, ok, type Result } from 'neverthrow'
import type { Details } from '../../../application/upload/details.ts'
import type { InvalidSha256 } from '../../../domain/values/digest.ts'
import type { InvalidTitle } from '../../../domain/values/title.ts'

/**
 * Reads the details from the text fields `title`, `tags` and `sha256`. Other fields are ignored. An empty field counts
 * as absent, because an HTML form sends all its fields. Commas separate tags, and `tags` may be repeated.
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

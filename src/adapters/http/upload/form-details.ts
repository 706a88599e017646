import { err, ok, type Result } from 'neverthrow'
import { z } from 'zod'
import type { Details } from '../../../application/details.ts'
import type { InvalidSha256 } from '../../../domain/digest.ts'
import type { InvalidTitle } from '../../../domain/title.ts'

/** The text fields of an upload; others are ignored. A field given twice is a list. */
const FIELDS = z.object({
  title: z.string().optional(),
  tags: z.union([z.string(), z.array(z.string())]).optional(),
  sha256: z.string().optional(),
})

/** An empty field means none, as an HTML form sends what was not filled in; commas separate tags. */
export function formDetails(body: unknown): Result<Details, InvalidTitle | InvalidSha256> {
  const fields = FIELDS.safeParse(body ?? {})
  if (!fields.success) {
    const repeated = fields.error.issues.some(({ path }) => path[0] === 'title')
    return err(repeated ? { type: 'invalid-title', reason: 'repeated' } : { type: 'invalid-sha256' })
  }
  const { title, tags = [], sha256 } = fields.data
  return ok({
    title: title === '' ? undefined : title,
    tags: [tags]
      .flat()
      .flatMap((list) => list.split(','))
      .filter((tag) => tag.trim() !== ''),
    sha256: sha256 === '' ? undefined : sha256,
  })
}

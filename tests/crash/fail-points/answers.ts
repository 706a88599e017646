/** Fail points at the answers to clients: before one, within one, and after it. */
import { ServerResponse } from 'node:http'
import { around, pass } from './pass.ts'

const STATUS: Readonly<Record<string, number>> = { POST: 201, PATCH: 200, DELETE: 204 }

type End = (this: ServerResponse, ...given: unknown[]) => ServerResponse
export function armAnswers(): void {
  around(
    ServerResponse.prototype as unknown as { end: End },
    'end',
    (end) =>
      function (this: ServerResponse, ...given) {
        const { statusCode: status } = this
        if (status === STATUS[this.req.method ?? '']) {
          pass(`before the ${status}`)
          if (process.env['FAIL_POINT'] === `head of the ${status} sent`) this.flushHeaders()
          pass(`head of the ${status} sent`)
          this.once('finish', () => pass(`${status} sent`))
        }
        return end.apply(this, given)
      },
  )
}

/** Fail points before, within and after a response to a client. */
import { ServerResponse } from 'node:http'
import { failPoint, wrapMethod } from './fail-point.ts'

const STATUS: Readonly<Record<string, number>> = { POST: 201, PATCH: 200, DELETE: 204 }

type End = (this: ServerResponse, ...args: unknown[]) => ServerResponse
export function armAnswers(): void {
  wrapMethod(
    ServerResponse.prototype as unknown as { end: End },
    'end',
    (end) =>
      function (this: ServerResponse, ...args) {
        const { statusCode: status } = this
        if (status === STATUS[this.req.method ?? '']) {
          failPoint(`before the ${status}`)
          if (process.env['FAIL_POINT'] === `head of the ${status} sent`) this.flushHeaders()
          failPoint(`head of the ${status} sent`)
          this.once('finish', () => failPoint(`${status} sent`))
        }
        return end.apply(this, args)
      },
  )
}

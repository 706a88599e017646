import { type Result, ResultAsync } from 'neverthrow'
import { type Dependency, unavailable } from '../../src/application/ports/unavailable.ts'
import type { Effect } from './faults.ts'

/**
 * Makes each method of a port one effect. If it fails, the method returns `unavailable`.
 * @param port Returns the port when the effect happens. By then it may be another one.
 * @param own The methods that are not one effect.
 */
export function eachMethod<Port extends object>(
  name: string,
  dependency: Dependency,
  port: () => Port,
  effect: Effect,
  own: Partial<Port> = {},
): Port {
  const get = (own: Partial<Port>, method: string): unknown => {
    if (method in own) return Reflect.get(own, method)
    const value: unknown = Reflect.get(port(), method)
    if (typeof value !== 'function') return value
    return (...args: readonly unknown[]) =>
      ResultAsync.fromPromise(
        effect<Result<unknown, unknown>>(`${name}.${method}`, () => value.apply(port(), args)),
        unavailable(dependency),
      ).andThen((result) => result)
  }
  return new Proxy(own, { get }) as Port
}

/** Receives a body. Each chunk is an effect at which the process or the connection can fail. */
export async function receive(
  body: AsyncIterable<Uint8Array>,
  effect: Effect,
  signal: AbortSignal | null | undefined,
  failure?: () => unknown,
): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of body) {
    await effect('storage.bytes', () => undefined, failure)
    signal?.throwIfAborted()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

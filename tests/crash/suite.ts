/** What the tests of the faults share. */
import { setTimeout } from 'node:timers/promises'
import { afterAll, expect, type TestContext, test } from 'vitest'
import { request, upload } from './client.ts'
import { Installation, type Services, type StorageName, type Variables } from './installation.ts'
import { type Verdict, verdict } from './verdict.ts'

/** FULL=1 runs all faults, and some of them more often. */
export const isFull = process.env['FULL'] === '1'
/** The options of a test that only a full run has, and of a test that runs at the same time as others. */
export const long = { skip: !isFull }
export const concurrent = { concurrent: true }

/** A fault that cannot be produced on this machine. */
export function cannotTest(what: string, reason: string): void {
  test(what, ({ skip }) => skip(reason))
}

/** A fault that needs a missing program. It fails in CI, where all programs must be installed. */
export function notInstalled(what: string, program: string): void {
  test(what, ({ skip }) => {
    if (process.env['CI']) throw new Error(`${program} is not installed.`)
    skip(`${program} is not installed`)
  })
}

/** Opens an installation and closes it after all tests of the file. */
export async function useInstallation(
  storage: StorageName,
  extra: Variables = {},
  services?: Services,
): Promise<Installation> {
  const installation = await Installation.open(storage, extra, services)
  afterAll(() => installation.close())
  return installation
}

/** The last test of a file. It checks what all faults of the installation have left. */
export function testVerdict(installation: Installation): void {
  test('nothing is lost, doubled or orphaned', { meta: { tried: 0 } }, async (context) => {
    await expectNothingLost(installation, context)
  })
}

/** Waits until nothing is left to clean up, and expects no violation. */
export async function expectNothingLost(installation: Installation, context: TestContext): Promise<void> {
  const { uploads, acknowledged } = installation.log
  expectNoViolation(await verdict(installation), context)
  await context.annotate(`${uploads.length} uploads, ${acknowledged.length} acknowledged`)
}

export function expectNoViolation(found: Verdict, { task }: TestContext): void {
  const { lost = 0, doubled = 0, orphaned = 0 } = task.meta.found ?? {}
  task.meta.found = {
    lost: lost + found.lost.length,
    doubled: doubled + found.doubled.length,
    orphaned: orphaned + found.orphaned.length,
  }
  expect(found).toEqual({ lost: [], doubled: [], orphaned: [], unexpected: [] })
}

/**
 * Waits until a condition is true. Throws after the timeout.
 * @returns The seconds.
 */
export async function until(what: string, isTrue: () => Promise<boolean>, timeoutMs = 30_000): Promise<number> {
  const start = performance.now()
  for (; performance.now() - start < timeoutMs; await setTimeout(50))
    if (await isTrue()) return (performance.now() - start) / 1000
  throw new Error(`Not within ${timeoutMs / 1000} s: ${what}`)
}

let tries = 0

/** Waits until uploads succeed again. */
export async function untilUploadsSucceed(
  server: string,
  { log }: Installation,
  { annotate }: TestContext,
): Promise<void> {
  const seconds = await until('an upload succeeds', async () => {
    const { status } = await upload(server, log, { title: `after a fault, try ${++tries}` })
    return status === 201
  })
  await annotate(`uploads succeed again after ${seconds.toFixed(1)} s`)
}

export async function expectHealth(server: string, status: number): Promise<void> {
  expect(await request(`${server}/healthcheck/`)).toMatchObject({ status })
}

import { readFile } from 'node:fs/promises'
import { preload, type Variables } from '../installation.ts'

/** The file to which the process writes the point when it has reached it. */
interface ArmOptions {
  readonly point: string
  readonly firedFile: string
}

/** The variables of a process that kills itself at a fail point. */
export const armedAt = ({ point, firedFile }: ArmOptions): Variables => ({
  FAIL_POINT: point,
  FAIL_FIRED: firedFile,
  NODE_OPTIONS: preload('fail-points/arm.ts'),
})

/** Whether the process has reached the point. */
export const hasFired = async ({ point, firedFile }: ArmOptions): Promise<boolean> =>
  (await readFile(firedFile, 'utf8').catch(() => '')) === point

/** `up --build` without a change. */
import type { Part } from './part.ts'

export const rebuilt: Part = async ({ project, checks, isFull }) => {
  const before = await project.lives()
  const times = isFull ? 10 : 3
  for (let n = 0; n < times; n++) await project.compose('up', '--detach', '--build')
  checks.equal(`up --build ${times} times without a change replaces nothing`, await project.lives(), before)
}

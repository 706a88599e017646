/** `up --build` without a change must replace no container. */
import type { Part } from './part.ts'

export const rebuilt: Part = async ({ project, checks, isFull }) => {
  await project.up('--build')
  const before = await project.lives()
  const times = isFull ? 10 : 3
  for (let n = 0; n < times; n++) await project.compose('up', '--detach', '--build')
  checks.equal(`up --build ${times} times without a change replaces nothing`, await project.lives(), before)
  await project.writeEnv({ MAX_FILE_SIZE: '50MiB' })
  await project.up('--build')
  checks.holds('a planted change replaces web', !(await project.lives()).includes(before[0] ?? ''))
  await project.writeEnv({})
  await project.up()
}

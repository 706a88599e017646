/**
 * The shell commands of a section of a document.
 * @param heading such as `## With Docker`; the section ends at the next heading of that level.
 */
export function commandsOf(document: string, heading: string): readonly string[] {
  const start = document.indexOf(`\n${heading}\n`)
  if (start < 0) throw new Error(`There is no section ${heading}`)
  const end = document.indexOf('\n## ', start + heading.length)
  const section = document.slice(start, end < 0 ? undefined : end)
  return [...section.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, commands = '']) => commands)
}

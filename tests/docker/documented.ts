/**
 * The blocks of shell commands in a section of a document.
 * @param heading Such as `## With Docker`. The section ends at the next heading of that level or above.
 */
export function commandsOf(document: string, heading: string): readonly string[] {
  const level = heading.indexOf(' ')
  const [, section] = document.split(`\n${heading}\n`)
  if (section === undefined) throw new Error(`The document has no section ${heading}.`)
  const [text = ''] = section.split(new RegExp(`\n#{1,${level}} `))
  return [...text.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, commands = '']) => commands)
}

import { type Argument, type Expression, parseSync, type StringLiteral, Visitor } from 'oxc-parser'
import manifest from '../../package.json' with { type: 'json' }

/** `path` is relative to the package, with forward slashes: `src/domain/values/title.ts`. */
export type Source = { readonly path: string; readonly source: string }
export type Violation = { readonly file: string; readonly specifier: string; readonly reason: string }

/** `specifier` is what can be read of it; `whole` is false where an expression follows, as in `./child${extension}`. */
type Import = { readonly specifier: string; readonly whole: boolean; readonly asAddress?: boolean }
type Rule = { readonly layers: readonly string[]; readonly allowsPackage: (name: string) => boolean }

const PURE = new Set(['neverthrow', 'node:crypto', 'node:events', 'node:stream'])
const outsideMain = (name: string) => !/^(?:tsyringe|reflect-metadata)(?:\/|$)/.test(name)
const ADDRESS = /\bURL(?:\.parse)?$/
const LOADER = /^(?:require(?:\.resolve)?|import\.meta\.resolve|createRequire\(.*\)|.*\bgetBuiltinModule)$/s
const RULES: Readonly<Record<string, Rule>> = {
  domain: { layers: ['domain'], allowsPackage: (name) => name === 'neverthrow' },
  application: { layers: ['domain', 'application'], allowsPackage: (name) => PURE.has(name) },
  adapters: { layers: ['domain', 'application'], allowsPackage: outsideMain },
  main: { layers: ['domain', 'application', 'adapters', 'main', 'elsewhere'], allowsPackage: () => true },
  entry: { layers: ['domain', 'application', 'main', 'adapters'], allowsPackage: outsideMain },
}

/** The layer's name and, for an adapter, its folder: `['adapters', 'redis']`. Outside src and tests is `elsewhere`. */
export function layerOf(path: string): readonly [layer: string, folder?: string] {
  const [root, layer = '', folder, ...rest] = path.split('/')
  if (root === 'tests') return ['tests']
  if (root !== 'src') return ['elsewhere']
  if (folder === undefined) return ['entry']
  if (layer === 'adapters' && rest.length > 0) return [layer, folder]
  return [['domain', 'application', 'main'].includes(layer) ? layer : 'unknown']
}

/** Every import that breaks the rules, every file that can't be parsed, and every file that lies in no layer. */
export function violations(sources: readonly Source[]): Violation[] {
  return sources.flatMap(({ path, source }) => {
    const [layer] = layerOf(path)
    const rule = RULES[layer]
    if (!rule) return [{ file: path, specifier: '', reason: 'lies in no layer' }]
    const imports = importsOf(path, source)
    if (!imports) return [{ file: path, specifier: '', reason: 'does not parse' }]
    return imports.flatMap((found) => {
      const reason = refusal(path, layer, rule, found)
      return reason === undefined ? [] : [{ file: path, specifier: found.specifier, reason }]
    })
  })
}

function refusal(path: string, layer: string, rule: Rule, found: Import): string | undefined {
  const { specifier, whole, asAddress } = found
  if (!whole && (layer === 'domain' || layer === 'application')) return `${layer} must name what it imports`
  if (specifier === '') return undefined
  const isPath = asAddress ? !URL.canParse(specifier) : /^\.\.?(?:\/|$)/.test(specifier)
  if (!isPath && isPackage(specifier) && rule.allowsPackage(specifier)) return undefined
  const [target, folder] = isPath ? layerOf(resolve(path, specifier)) : []
  const ownFolder = layer === 'adapters' && target === 'adapters' && folder === layerOf(path)[1]
  if (ownFolder || (target && rule.layers.includes(target))) return undefined
  return `${layer} may not import ${folder ? `${target}/${folder}` : (target ?? specifier)}`
}

/** Our own name, `#…` and whole addresses are no packages: they would lead back into src past the layers. */
function isPackage(specifier: string): boolean {
  if (specifier === manifest.name || specifier.startsWith(`${manifest.name}/`)) return false
  return specifier.startsWith('node:') || !/^(?:[/#]|[a-z]+:)/i.test(specifier)
}

/** As Node does it: `./%2e%2e/main/server.ts` is `../main/server.ts`, and a query belongs to no path. */
function resolve(from: string, specifier: string): string {
  const { pathname } = new URL(specifier, `file:///package/${from}`)
  return decodeURIComponent(pathname).replace(/^\/package\//, '')
}

/** The parser's module record isn't used: it omits `export {} from`, `import()` in types, and all that is CommonJS. */
export function importsOf(path: string, source: string): Import[] | undefined {
  const { program, errors, comments } = parseSync(path, source, { preserveParens: false })
  if (errors.length > 0) return undefined
  const imports: Import[] = []
  const add = (node: Expression | Argument, asAddress = false) => imports.push({ ...read(node), asAddress })
  const addSource = ({ source: from }: { source: StringLiteral | null }) => from && add(from)
  const addCall = ({ callee, arguments: [first, base] }: { callee: Expression; arguments: Argument[] }) => {
    const name = source.slice(callee.start, callee.end)
    const isAddress = ADDRESS.test(name) && base && source.startsWith('import.meta', base.start)
    if (first && (isAddress || LOADER.test(name))) add(first, isAddress)
  }
  new Visitor({
    ImportDeclaration: addSource,
    ExportNamedDeclaration: addSource,
    ExportAllDeclaration: addSource,
    TSImportType: addSource,
    ImportExpression: ({ source: from }) => add(from),
    TSExternalModuleReference: ({ expression }) => add(expression),
    TSModuleDeclaration: ({ id }) => id.type === 'Literal' && add(id),
    CallExpression: addCall,
    NewExpression: addCall,
  }).visit(program)
  for (const { value } of comments) {
    const [, kind, specifier] = /^\/\s*<reference\s+(path|types)=["'](.+?)["']/.exec(value) ?? []
    if (specifier !== undefined) imports.push({ specifier, whole: true, asAddress: kind === 'path' })
  }
  return imports
}

/** The text of a specifier, as far as it stands in the source. */
function read(node: Expression | Argument): Import {
  if (node.type === 'Literal' && typeof node.value === 'string') return { specifier: node.value, whole: true }
  if (node.type === 'TemplateLiteral') {
    return { specifier: node.quasis[0]?.value.cooked ?? '', whole: node.expressions.length === 0 }
  }
  if (node.type === 'TSAsExpression' || node.type === 'TSSatisfiesExpression') return read(node.expression)
  if (node.type !== 'BinaryExpression' || node.left.type === 'PrivateIdentifier') return { specifier: '', whole: false }
  const left = read(node.left)
  const right = read(node.right)
  return left.whole ? { specifier: left.specifier + right.specifier, whole: right.whole } : left
}

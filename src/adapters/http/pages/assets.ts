import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Middleware } from 'koa'
import { refuse } from '../problem.ts'

/** A file of an installed package that a page loads. */
export interface Asset {
  /** The path inside the package. */
  readonly file: string
  /** A file extension or a media type, as `ctx.type` accepts it. */
  readonly type: string
  /** Changes the text of the file before it is served. */
  readonly adapt?: (text: string) => string
}

/**
 * Serves files of a package.
 *
 * @param assets The files by the name in the URL. No other name is served, so a request cannot reach outside of the
 *   package.
 */
export function assetsOf(packageName: string, assets: Readonly<Record<string, Asset>>): Middleware {
  const folder = dirname(fileURLToPath(import.meta.resolve(`${packageName}/package.json`)))
  return async (ctx) => {
    const asset = Object.hasOwn(assets, ctx['params'].name) ? assets[ctx['params'].name] : undefined
    if (!asset) return refuse(ctx, { type: 'not-found' })
    const bytes = await readFile(join(folder, asset.file))
    ctx.type = asset.type
    ctx.set('Cache-Control', 'public, max-age=3600')
    ctx.body = asset.adapt ? asset.adapt(bytes.toString()) : bytes
  }
}

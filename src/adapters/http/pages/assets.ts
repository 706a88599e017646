import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Middleware } from 'koa'
import { refuse } from '../problem.ts'

/** A file of an installed package, under the name that a page asks for. */
export interface Asset {
  readonly file: string
  readonly type: string
  /** Changes its text before it is served. */
  readonly adapt?: (text: string) => string
}

/** Serves these names and nothing else, so no path leads out of the package. */
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

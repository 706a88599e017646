import { createHash } from 'node:crypto'
import type { Middleware } from 'koa'
import { assetsOf } from './assets.ts'

const ASSETS = '/swagger/assets'

/**
 * Serves Swagger UI. A query parameter cannot replace its document, because Swagger UI ignores query parameters by
 * default.
 */
export const swaggerPage: Middleware = async (ctx, next) => {
  // Loaded on demand, because the template engine needs memory that uploads do not need.
  const { koaSwagger } = await import('koa2-swagger-ui')
  const render = koaSwagger({
    title: 'mediaport: try it',
    routePrefix: false,
    hideTopbar: true,
    favicon: `${ASSETS}/favicon-32x32.png`,
    swaggerCdnUrl: '/swagger',
    swaggerVersion: 'assets',
    swaggerOptions: { url: '/schema/?format=json', validatorUrl: null, tryItOutEnabled: true },
  })
  await render(ctx, next)
  // The template would load fonts from another site.
  const page = String(ctx.body).replace(/<link href="https:[^>]*>/, '')
  ctx.body = page
  ctx.set('Content-Security-Policy', policy(page))
}

export const swaggerAssets = assetsOf('swagger-ui-dist', {
  'swagger-ui.min.css': { file: 'swagger-ui.css', type: 'css' },
  'swagger-ui-bundle.js': { file: 'swagger-ui-bundle.js', type: 'js' },
  'swagger-ui-standalone-preset.js': { file: 'swagger-ui-standalone-preset.js', type: 'js' },
  'favicon-32x32.png': { file: 'favicon-32x32.png', type: 'png' },
})

/** Swagger UI sets inline styles, which are allowed. The inline script of the page is allowed by its hash. */
const policy = (page: string): string =>
  [
    "default-src 'none'",
    `script-src 'self' ${inlineScripts(page).join(' ')}`,
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')

const inlineScripts = (page: string): string[] =>
  [...page.matchAll(/<script>([^]*?)<\/script>/g)].map(
    ([, script = '']) => `'sha256-${createHash('sha256').update(script).digest('base64')}'`,
  )

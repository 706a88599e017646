import type { Middleware } from 'koa'
import { assetsOf } from './assets.ts'

const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>mediaport: API reference</title>
<link rel="icon" href="data:,">
<style>body { margin: 0 }</style>
<redoc spec-url="/schema/?format=json" hide-download-button></redoc>
<script src="/redoc/assets/redoc.standalone.js"></script>
</html>
`

/** ReDoc creates inline styles and a search worker from a blob, so both are allowed. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'unsafe-inline'",
  "img-src 'self' data:",
  'worker-src blob:',
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** Serves the API reference. */
export const redocPage: Middleware = (ctx) => {
  ctx.type = 'html'
  ctx.set('Content-Security-Policy', POLICY)
  ctx.body = PAGE
}

const NO_PICTURE = 'data:image/svg+xml,%3Csvg xmlns=%22http://www.w3.org/2000/svg%22/%3E'

export const redocAssets = assetsOf('redoc', {
  'redoc.standalone.js': {
    file: 'bundles/redoc.standalone.js',
    type: 'js',
    // ReDoc would fetch its logo from another site.
    adapt: (text) => text.replaceAll('https://cdn.redoc.ly/redoc/logo-mini.svg', NO_PICTURE),
  },
})

import { createHash } from 'node:crypto'
import type { Middleware } from 'koa'

const STYLE = `
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem; color: #1c1c1c; background: #fff }
label { display: block; margin: 0.75rem 0 }
input { display: block; width: 100%; box-sizing: border-box; font: inherit; padding: 0.4rem; border: 1px solid #767676; border-radius: 4px }
button { font: inherit; padding: 0.5rem 1.25rem; border: 0; border-radius: 4px; background: #0b5cad; color: #fff }
button:disabled { background: #767676 }
:focus-visible { outline: 3px solid #f5a300; outline-offset: 2px }
progress { width: 100% }
pre { background: #f3f3f3; padding: 0.75rem; overflow: auto; white-space: pre-wrap; overflow-wrap: anywhere }
@media (prefers-color-scheme: dark) {
  body { color: #eee; background: #161616 } a { color: #8ec5ff } pre { background: #262626 } input { background: #161616; color: inherit }
}`

const SCRIPT = `
const form = document.querySelector('form')
const result = document.querySelector('#result')
const button = form.querySelector('button')
form.addEventListener('submit', (event) => {
  event.preventDefault()
  const progress = document.createElement('progress')
  const answer = document.createElement('pre')
  const request = new XMLHttpRequest()
  const show = (heading, text) => {
    const title = document.createElement('h2')
    title.textContent = heading
    answer.textContent = text
    result.replaceChildren(title, answer)
    button.disabled = false
  }
  button.disabled = true
  progress.setAttribute('aria-label', 'Upload')
  result.replaceChildren(progress)
  request.upload.addEventListener('progress', ({ loaded, total }) => { progress.max = total; progress.value = loaded })
  request.addEventListener('error', () => show('No answer', 'The server did not answer. Check that it is running.'))
  request.addEventListener('load', () => {
    const body = JSON.parse(request.responseText)
    if (request.status !== 201) return show(body.title, body.detail ?? body.type)
    show('Uploaded', JSON.stringify(body, null, 2))
    const link = document.createElement('a')
    link.href = '/media/' + body.id + '/content/'
    link.textContent = 'Open ' + body.filename
    result.append(link)
  })
  request.open('POST', form.action)
  request.send(new FormData(form))
})`

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>mediaport</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>mediaport</h1>
<p>Stores files and serves them. A file is listed only when all of it is stored. A failed upload leaves nothing that a reader can see.</p>
<nav aria-label="API">
<a href="/swagger/">Try the API</a> · <a href="/redoc/">API reference</a> · <a href="/schema/">OpenAPI document</a> ·
<a href="/media/">Media items</a> · <a href="/healthcheck/">Health</a>
</nav>
<h2>Upload a file</h2>
<form action="/upload/" method="post" enctype="multipart/form-data">
<label>File <input type="file" name="file" required></label>
<label>Title <input name="title" maxlength="200" placeholder="by default the file name"></label>
<label>Tags <input name="tags" placeholder="summer, sea"></label>
<button>Upload</button>
</form>
<div id="result" role="status"></div>
</main>
<script>${SCRIPT}</script>
</body>
</html>
`

const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`

const POLICY = [
  "default-src 'none'",
  `script-src ${hash(SCRIPT)}`,
  `style-src ${hash(STYLE)}`,
  'img-src data:',
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** Serves the page at `/`: links and an upload form. The form also works without JavaScript. */
export const landingPage: Middleware = (ctx) => {
  ctx.type = 'html'
  ctx.set('Content-Security-Policy', POLICY)
  // Without a referrer, a browser sends a plain form with the origin "null", and the upload would be refused.
  ctx.set('Referrer-Policy', 'same-origin')
  ctx.body = PAGE
}

/** Koa and @koa/multer with its disk storage, and one INSERT: as most people write it. `GET /<file_id>` by koa-send. */
import multer, { type Options } from '@koa/multer'
import Koa from 'koa'
import send from 'koa-send'
import { diskStorage } from 'multer'
import { folder, insert, pool, prepare, serveBy } from './common.ts'

const upload = multer({ storage: diskStorage({ destination: folder }) } as unknown as Options)
const app = new Koa()
app.use((ctx, next) => (ctx.method === 'POST' ? upload.single('file')(ctx, next) : next()))
app.use(async (ctx) => {
  if (ctx.method === 'GET') {
    const { rows } = await pool.query<{ file_id: string }>('select file_id from media where id = $1', [
      ctx.path.slice(1),
    ])
    ctx.type = 'image/jpeg'
    await send(ctx, rows[0]?.file_id ?? '', { root: folder })
    return
  }
  const { filename, size } = (ctx as unknown as { file: { filename: string; size: number } }).file
  ctx.status = 201
  ctx.body = await insert({ file_id: filename, size })
})
await prepare()
await serveBy(app.callback())

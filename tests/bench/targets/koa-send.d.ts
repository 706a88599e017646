declare module 'koa-send' {
  import type { Context } from 'koa'
  export default function send(ctx: Context, path: string, options: { root: string }): Promise<string>
}

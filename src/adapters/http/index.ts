export { type Access, SCOPES, type Scope } from './access.ts'
export { createApp } from './app.ts'
export { closeServer, createHttpServer, serveApp } from './http-server.ts'
export type { HttpOptions, Log } from './options.ts'

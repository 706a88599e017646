export { type Access, SCOPES, type Scope } from './access.ts'
export { createApp, type HttpOptions, type Log } from './app.ts'
export { closeServer, createHttpServer, serveApp } from './http-server.ts'

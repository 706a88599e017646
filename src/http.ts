export { type Access, SCOPES, type Scope } from './adapters/http/access.ts'
export { createApp, type HttpOptions, type Log } from './adapters/http/app.ts'
export { closeServer, createHttpServer, serveApp } from './adapters/http/http-server.ts'

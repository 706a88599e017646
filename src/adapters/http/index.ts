export type { Access } from './access.ts'
export { createApp } from './app.ts'
export { type ApiKey, createApiKey, parseApiKey, verifyApiKey } from './auth/api-keys.ts'
export { authenticateBearer, firstOf, type VerifyBearer } from './auth/bearer.ts'
export {
  type Authenticate,
  type Caller,
  type RequestHead,
  SCOPES,
  type Scope,
  type TokenExpired,
  type Unauthenticated,
} from './auth/caller.ts'
export { type JwtOptions, verifyJwt } from './auth/jwt.ts'
export { Tokens } from './auth/tokens.ts'
export { closeServer, createHttpServer, serveApp } from './http-server.ts'
export type { HttpOptions, Log } from './options.ts'

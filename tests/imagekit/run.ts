/** `npm run imagekit:local`: the local server by itself, with the variables that point mediaport at it. */
import { parseArgs } from 'node:util'
import { startLocalImagekit } from './local-server.ts'

const { values } = parseArgs({ options: { port: { type: 'string', default: '8300' } } })
const server = await startLocalImagekit({ port: Number(values.port) })
const variables = {
  IMAGEKIT_PRIVATE_KEY: server.privateKey,
  IMAGEKIT_PUBLIC_KEY: 'public_local',
  IMAGEKIT_URL_ENDPOINT: server.urlEndpoint,
  IMAGEKIT_UPLOAD_URL: server.url,
  IMAGEKIT_API_URL: server.url,
}
for (const [name, value] of Object.entries(variables)) console.log(`${name}=${value}`)
const stop = () => void server.close().then(() => process.exit())
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop)

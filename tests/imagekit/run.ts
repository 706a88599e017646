/**
 * Starts the local ImageKit server and prints the variables that point mediaport at it:
 *
 *   npm run imagekit:local -- [--port 8300] [--host 127.0.0.1] [--url http://127.0.0.1:8300] [--ranges false] [--listLag 500] …
 *
 * Each switch of switches.ts is an option. The server deletes all files when it ends.
 */
import { parseArgs } from 'node:util'
import { startLocalImagekit } from './local-server.ts'
import { EXPECTED, type Switches } from './switches.ts'

const names = Object.keys(EXPECTED) as (keyof Switches)[]
const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '8300' },
    host: { type: 'string', default: '127.0.0.1' },
    url: { type: 'string' },
    ...Object.fromEntries(names.map((name) => [name, { type: 'string', default: String(EXPECTED[name]) } as const])),
  },
})
const texts = values as Readonly<Record<string, string>>
const switches = Object.fromEntries(names.map((name) => [name, JSON.parse(texts[name] ?? '')]))
const server = await startLocalImagekit({ host: values.host, port: Number(values.port), url: values.url, switches })
for (const [name, value] of Object.entries(server.variables)) console.log(`${name}=${value}`)
const stop = () => void server.close().then(() => process.exit())
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop)

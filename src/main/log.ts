import pino, { type Logger } from 'pino'
import type { Config } from './config.ts'

/** Lines of JSON, or for people: by default where they are at a terminal. */
export async function createLog({
  logLevel: level,
  logFormat,
}: Pick<Config, 'logLevel' | 'logFormat'>): Promise<Logger> {
  if ((logFormat ?? (process.stdout.isTTY ? 'pretty' : 'json')) === 'json')
    return pino({
      level,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (name) => ({ level: name }) },
    })
  const { default: pretty } = await import('pino-pretty')
  return pino({ level }, pretty({ sync: true, ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss' }))
}

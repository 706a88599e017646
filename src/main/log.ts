import pino, { type Logger } from 'pino'
import type { Config } from './config.ts'

/** Logs to stdout: one line of JSON per entry, or text for people. The default is text if stdout is a terminal. */
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

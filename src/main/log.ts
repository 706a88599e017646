import pino, { type Logger } from 'pino'
import pretty from 'pino-pretty'

/** JSON lines; on a terminal, lines for people. */
export const createLog = (level: string): Logger =>
  process.stdout.isTTY
    ? pino({ level }, pretty({ sync: true, ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss' }))
    : pino({ level })

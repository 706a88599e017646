import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ServerProcess } from './mediaport-process.ts'

const MIB = 1024 * 1024

describe('The first start on an embedded database', () => {
  let DATA_DIR: string
  beforeEach(() => {
    DATA_DIR = mkdtempSync(join(tmpdir(), 'mediaport-'))
  })
  afterEach(() => rmSync(DATA_DIR, { recursive: true, maxRetries: 5 }))
  const databases = () => readdirSync(DATA_DIR).filter((name) => /^db(\.new|$)/.test(name))

  it('may be killed while it creates the database, and the next start creates it again', async () => {
    const firstServer = ServerProcess.launch({ DATA_DIR })
    await vi.waitUntil(() => databases().length > 0, { timeout: 30_000 })
    expect(databases()).toEqual([expect.stringMatching(/^db\.new-/)])
    await firstServer.kill('SIGKILL')
    const server = await ServerProcess.start({ DATA_DIR })
    expect(databases()).toEqual(['db'])
    expect((await fetch(`${server.url}/healthcheck/`)).status).toBe(200)
    await server.kill('SIGKILL')
  })

  it('releases the memory that creating the database needs', async () => {
    const server = await ServerProcess.start({ DATA_DIR })
    const resident = await server.residentBytes()
    await server.kill('SIGKILL')
    expect(resident).toBeLessThan(400 * MIB)
  })
})

import { readdirSync } from 'node:fs'
import { describe, expect, it, vi } from 'vitest'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { ServerProcess } from './mediaport-process.ts'

const MIB = 1024 * 1024

describe('The first start on an embedded database', () => {
  const databases = (folder: string) => readdirSync(folder).filter((name) => /^db(\.new|$)/.test(name))

  it('may be killed while it creates the database, and the next start creates it again', async () => {
    const DATA_DIR = temporaryFolder()
    const firstServer = ServerProcess.launch({ DATA_DIR })
    await vi.waitUntil(() => databases(DATA_DIR).length > 0, { timeout: 30_000 })
    expect(databases(DATA_DIR)).toEqual([expect.stringMatching(/^db\.new-/)])
    await firstServer.kill('SIGKILL')
    const server = await ServerProcess.start({ DATA_DIR })
    expect(databases(DATA_DIR)).toEqual(['db'])
    expect((await fetch(`${server.url}/healthcheck/`)).status).toBe(200)
    await server.kill('SIGKILL')
  })

  it('releases the memory that creating the database needs', async () => {
    const server = await ServerProcess.start({ DATA_DIR: temporaryFolder() })
    const resident = await server.residentBytes()
    await server.kill('SIGKILL')
    expect(resident).toBeLessThan(400 * MIB)
  })
})

import { vi } from 'vitest'
import { MemoryTitleCache } from '../../src/adapters/memory/memory-title-cache.ts'
import { titleCacheContract } from './title-cache.contract.ts'

titleCacheContract('memory', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  return { cache: new MemoryTitleCache(), pass: async (milliseconds) => void vi.advanceTimersByTime(milliseconds) }
})

import type { Client } from './client.ts'
import { digestOf, SLOW, UNSTORABLE } from './sent-files.ts'

/** What clients do in every history: every way through the life of a media at least once. */
export async function scenario(client: Client): Promise<void> {
  const a = await client.upload({ name: 'a.png', expect: 'stored' })
  const k = await client.upload({ name: 'k.png', expect: 'stored' })
  // While the worker may still be about to cache the first.
  await client.sleep(1_200)
  await client.rename(a, 'second title')
  // While a worker that was paused may still be about to describe it, and no longer than the second discard waits for it.
  await client.sleep(1_000)
  await client.delete(k)
  const keyed = { name: 'b.png', key: 'b', details: { title: 'B', tags: ['x'] }, saidAfterwards: true, pace: 200 }
  const b = await client.upload({ ...keyed, expect: 'stored' })
  await client.upload({ ...keyed, expect: 'replayed' })
  await client.read(b)
  await client.upload({ name: 'c.png', leavesAfter: 3, expect: 'body-failed' })
  const d = { name: 'd.png', key: 'd' }
  await client.upload({ ...d, details: { sha256: digestOf('other') }, expect: 'digest-mismatch' })
  const good = await client.upload({ ...d, details: { sha256: digestOf('d.png') }, pace: 100, expect: 'stored' })
  await client.sleep(1_200)
  await client.rename(good, 'D')
  client.discardByMistake(a)
  await client.rename(a, 'third title')
  await client.rename(b, 'B, too')
  await client.delete(b)
  await client.upload({ ...keyed, pace: 0, expect: 'media-deleted', dependsOnTime: true })
  // Longer than a lease lasts.
  await client.upload({ name: SLOW, key: 'e', pace: 500, expect: 'stored' })
  await client.upload({ name: 'f.png', key: 'f', pace: 100, killsAfter: 3, expect: 'stored' })
  await client.upload({ name: 'h.png', pace: 100, killsAfter: 3, expect: 'reset' })
  await client.upload({ name: 'i.png', pace: 100, pausesAfter: 3, expect: 'no-answer' })
  const g = await client.upload({ name: 'g.png', saidAfterwards: true, expect: 'stored' })
  // While the rename has yet to look whether what it cached is still so.
  await Promise.all([client.rename(g, 'renamed and deleted at once'), client.delete(g)])
  const j = { name: 'j.png', key: 'j', details: { sha256: digestOf('other') }, expect: 'digest-mismatch' } as const
  await client.upload(j)
  // While what was given up first is about to be forgotten.
  await client.sleep(3_300)
  await client.upload({ ...j, pace: 200, triesAtMost: 1, dependsOnTime: true })
  await client.sleep(1_700)
  const again = await client.upload({ ...keyed, expect: 'stored', dependsOnTime: true })
  await client.read(again)
  await client.read(a)
  await sharing(client)
}

/** Uploads and changes that share commits, two uploads with one key and two that the database refuses among them. */
async function sharing(client: Client): Promise<void> {
  const twice = { name: 'small-2.png', key: 's' }
  const [one, two] = await Promise.all([
    client.upload({ name: 'small-1.png', expect: 'stored' }),
    client.upload({ ...twice, expect: 'stored' }),
    client.upload({ ...twice, expect: 'replayed' }),
    client.upload({ name: `small-${UNSTORABLE}.png`, expect: 'unavailable' }),
    client.upload({ name: 'small-4.png', details: { title: UNSTORABLE }, expect: 'unavailable' }),
  ])
  await Promise.all([client.rename(one, 'changed beside a deletion'), client.delete(two)])
}

const [FROM, TO] = ['memory', 'imagekit']

/** What goes on while all files are moved from one storage to another, some of them more than once. */
export async function moving(client: Client): Promise<void> {
  const a = await client.upload({ name: 'a.png', expect: 'stored' })
  const keyed = { name: 'b.png', key: 'b', details: { title: 'B', tags: ['x'] } }
  const b = await client.upload({ ...keyed, expect: 'stored' })
  const c = await client.upload({ name: 'c.png', expect: 'stored' })
  const d = await client.upload({ name: 'd.png', expect: 'stored' })
  await client.delete(d)
  await Promise.all([client.move(FROM, TO), client.rename(a, 'A', true), client.delete(c), client.read(b)])
  for (const each of [a, b]) {
    await client.isAt(each, TO)
    await client.read(each)
  }
  await client.upload({ ...keyed, expect: 'replayed' })
  await client.rename(b, 'B, moved')
  await client.move(TO, FROM)
  await client.isAt(a, FROM)
  await client.read(a)
  await Promise.all([client.move(FROM, TO), client.move(FROM, TO), client.delete(a)])
  await client.isAt(b, TO)
  await client.read(b)
}

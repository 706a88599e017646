import type { Client } from './client.ts'
import { digestOf, SLOW, UNSTORABLE } from './sent-files.ts'

/** The requests of every history. Each path of the life of a media item occurs at least once. */
export async function scenario(client: Client): Promise<void> {
  const a = await client.upload({ name: 'a.png', expect: 'stored' })
  const k = await client.upload({ name: 'k.png', expect: 'stored' })
  // The worker may still be caching the first title.
  await client.sleep(1_200)
  await client.rename(a, 'second title')
  // A paused worker may still be describing it, at most until its second discard.
  await client.sleep(1_000)
  await client.delete(k)
  const keyed = { name: 'b.png', key: 'b', details: { title: 'B', tags: ['x'] }, detailsAfterBody: true, paceMs: 200 }
  const b = await client.upload({ ...keyed, expect: 'stored' })
  await client.upload({ ...keyed, expect: 'replayed' })
  await client.read(b)
  await client.upload({ name: 'c.png', interruption: 'disconnect', expect: 'body-failed' })
  const d = { name: 'd.png', key: 'd' }
  await client.upload({ ...d, details: { sha256: digestOf('other') }, expect: 'digest-mismatch' })
  const good = await client.upload({ ...d, details: { sha256: digestOf('d.png') }, paceMs: 100, expect: 'stored' })
  await client.sleep(1_200)
  await client.rename(good, 'D')
  client.discardByMistake(a)
  await client.rename(a, 'third title')
  await client.rename(b, 'B, too')
  await client.delete(b)
  await client.upload({ ...keyed, paceMs: 0, expect: 'media-deleted', dependsOnTime: true })
  // Longer than a lease.
  await client.upload({ name: SLOW, key: 'e', paceMs: 500, expect: 'stored' })
  await client.upload({ name: 'f.png', key: 'f', paceMs: 100, interruption: 'kill', expect: 'stored' })
  await client.upload({ name: 'h.png', paceMs: 100, interruption: 'kill', expect: 'reset' })
  await client.upload({ name: 'i.png', paceMs: 100, interruption: 'pause', expect: 'no-answer' })
  const g = await client.upload({ name: 'g.png', detailsAfterBody: true, expect: 'stored' })
  // The rename has not yet verified the cached title.
  await Promise.all([client.rename(g, 'renamed during its deletion'), client.delete(g)])
  const j = { name: 'j.png', key: 'j', details: { sha256: digestOf('other') }, expect: 'digest-mismatch' } as const
  await client.upload(j)
  // The first attempt is about to be forgotten.
  await client.sleep(3_300)
  await client.upload({ ...j, paceMs: 200, maxTries: 1, dependsOnTime: true })
  await client.sleep(1_700)
  const again = await client.upload({ ...keyed, expect: 'stored', dependsOnTime: true })
  await client.read(again)
  await client.read(a)
  await sharing(client)
}

/** Uploads and changes that share commits, among them two uploads with one key and two that the database refuses. */
async function sharing(client: Client): Promise<void> {
  const twice = { name: 'small-2.png', key: 's' }
  const [one, two] = await Promise.all([
    client.upload({ name: 'small-1.png', expect: 'stored' }),
    client.upload({ ...twice, expect: 'stored' }),
    client.upload({ ...twice, expect: 'replayed' }),
    client.upload({ name: `small-${UNSTORABLE}.png`, expect: 'unavailable' }),
    client.upload({ name: 'small-4.png', details: { title: UNSTORABLE }, expect: 'unavailable' }),
  ])
  await Promise.all([client.rename(one, 'changed during a deletion'), client.delete(two)])
  // The database accepts this batch, so each must get its own outcome.
  await Promise.all(['small-5.png', 'small-6.png'].map((name) => client.upload({ name, expect: 'stored' })))
}

const [FROM, TO] = ['memory', 'imagekit']

/** The requests while all files are moved from one storage to another, some of them repeatedly. */
export async function moving(client: Client): Promise<void> {
  const a = await client.upload({ name: 'a.png', expect: 'stored' })
  const keyed = { name: 'b.png', key: 'b', details: { title: 'B', tags: ['x'] } }
  const b = await client.upload({ ...keyed, expect: 'stored' })
  const c = await client.upload({ name: 'c.png', expect: 'stored' })
  const d = await client.upload({ name: 'd.png', expect: 'stored' })
  await client.delete(d)
  await Promise.all([client.move(FROM, TO), client.rename(a, 'A', true), client.delete(c), client.read(b)])
  for (const each of [a, b]) {
    await client.checkStorage(each, TO)
    await client.read(each)
  }
  await client.upload({ ...keyed, expect: 'replayed' })
  await client.rename(b, 'B, moved')
  await client.move(TO, FROM)
  await client.checkStorage(a, FROM)
  await client.read(a)
  await Promise.all([client.move(FROM, TO), client.move(FROM, TO), client.delete(a)])
  await client.checkStorage(b, TO)
  await client.read(b)
}

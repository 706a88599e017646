/** Runs a statement and answers with its rows. */
export type Query = (statement: string, parameters?: readonly unknown[]) => Promise<readonly Record<string, unknown>[]>

const BATCH = 100_000

/**
 * Fills `media_job` until it has so many stored rows, one for each second from the year 2000 on. Continues where an
 * earlier run was interrupted. Every 4th row has the tag `common` and every 400th `seldom`; 30 of the oldest 10,000 have
 * `once`. There are 100 owners. A further 1,000 rows are abandoned and not due.
 */
export async function fill(query: Query, rows: number, onProgress: (rows: number) => void = () => {}): Promise<void> {
  await query(UNWANTED)
  const [found] = await query(COUNT)
  let count = Number(found?.['count'])
  if (count >= rows) return
  while (count < rows) {
    const next = Math.min(rows, count + BATCH)
    await query(STORED, [count, next - 1])
    count = next
    onProgress(count)
  }
  await query('vacuum analyze media_job, media_tag')
}

const COUNT = `
  select coalesce(extract(epoch from max(created_at) - '2000-01-01'::timestamptz), -1)::bigint + 1 as count
    from media_job where state = 'stored' and created_at < '2020-01-01'`

/** A UUID of version 7 for the time `created_at`, as mediaport makes them. */
const ID = `(lpad(to_hex((extract(epoch from created_at) * 1000)::bigint), 12, '0')
  || overlay(left(md5(random()::text), 20) placing '7' from 1 for 1))::uuid`

const STORED = `
  insert into media_job (id, state, owner, attempt, storage, storage_key, filename, mime_type, created_at, file_id, url,
      size_bytes, sha256, fingerprint, title, tags, version)
    select id, 'stored', 'owner-' || n % 100, left(md5(id::text), 16), 'filesystem', file, 'IMG_' || n || '.jpg',
      'image/jpeg', created_at, file, '/media/' || id || '/content/', 2000000, hash, hash, 'IMG ' || n,
      array_remove(array[case when n % 4 = 0 then 'common' end, case when n % 400 = 0 then 'seldom' end,
        case when n < 10000 and n % 333 = 0 then 'once' end], null), 1
    from (select n, created_at, id, id || '.' || left(md5(id::text), 16) as file,
        encode(sha256(id::text::bytea), 'hex') as hash
      from (select n, created_at, ${ID} as id
        from (select n, '2000-01-01'::timestamptz + n * interval '1 second' as created_at
          from generate_series($1::int, $2::int) as n) as times) as ids) as files`

const UNWANTED = `
  insert into media_job (id, state, owner, attempt, storage, storage_key, filename, mime_type, discarded_at)
    select gen_random_uuid(), 'abandoned', 'owner-0', '0', 'filesystem', 'unwanted ' || n, 'a.jpg', 'image/jpeg', now()
      from generate_series(1, 1000) as n
    on conflict do nothing`

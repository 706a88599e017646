import { describe, expect, it } from 'vitest'
import { anomaliesIn, type Operation, TITLE_AGE } from './check.ts'

/** An operation of client 1 that takes 1 ms. */
const at = (called: number, what: Operation['what'], more: Partial<Operation> = {}): Operation => ({
  what,
  client: 1,
  called,
  returned: called + 1,
  status: 200,
  id: 'a',
  ...more,
})
const upload = at(0, 'upload', { status: 201, version: 1, title: 'one', asked: 'one', sha256: 'A' })
const rename = (called: number, version: number, asked: string) =>
  at(called, 'rename', { version, asked, title: asked })
const read = (called: number, version: number, title: string) => at(called, 'read', { version, title })
const missed = (called: number, what: Operation['what'] = 'read') => at(called, what, { status: 404 })
const deletion = (called: number) => at(called, 'delete', { status: 204 })
const unanswered = { status: undefined, returned: Number.POSITIVE_INFINITY }
const list = (called: number, items: Operation['items'], isWhole = true) =>
  at(called, 'list', { id: undefined, items, isWhole })
const item = { id: 'a', version: 1, title: 'one', sha256: 'A' }

const completeFrom = (digest: string) => (digest === 'A' ? 0.5 : Number.POSITIVE_INFINITY)
const check = (...operations: Operation[]) => anomaliesIn({ operations, completeFrom })

describe('A history', () => {
  it.each<[string, Operation[]]>([
    [
      'of a media item that is uploaded, read, renamed and deleted',
      [read(2, 1, 'one'), rename(4, 2, 'two'), read(6, 2, 'two'), deletion(8), missed(10)],
    ],
    [
      'in which a rename is visible before its response',
      [{ ...rename(4, 2, 'two'), returned: 9 }, read(5, 2, 'two'), read(7, 2, 'two')],
    ],
    [
      'in which concurrent reads see both sides of a rename',
      [rename(4, 2, 'two'), { ...read(3, 1, 'one'), returned: 9 }],
    ],
    [
      'in which a rename without a response takes effect later',
      [at(4, 'rename', { ...unanswered, asked: 'two' }), read(6, 1, 'one'), read(9, 2, 'two')],
    ],
    [
      'in which a deletion without a response takes effect later',
      [at(4, 'delete', unanswered), read(6, 1, 'one'), missed(9), missed(11, 'delete')],
    ],
    ['in which a read during the deletion still sees it', [deletion(4), { ...read(3, 1, 'one'), returned: 9 }]],
    ['in which a title is old, but not too old', [rename(4, 2, 'two'), at(TITLE_AGE + 4, 'title', { title: 'one' })]],
    [
      'in which a title is still cached, but not for too long',
      [deletion(4), at(TITLE_AGE + 4, 'title', { title: 'one' })],
    ],
    ['in which a complete list shows all, and an incomplete one does not', [list(2, [item]), list(4, [], false)]],
    ['in which a conditional rename is refused', [at(2, 'rename', { status: 412, from: 0, asked: 'two' })]],
    ['in which stores are down', [at(2, 'read', { status: 503 }), at(4, 'read', unanswered)]],
  ])('is valid %s', (_, operations) => {
    expect(check(upload, ...operations)).toEqual([])
  })

  it.each<[string, RegExp, Operation[]]>([
    ['an acknowledged media item is missing', /^lost: a/, [missed(2)]],
    ['a complete list lacks an acknowledged media item', /^lost: a/, [list(2, [])]],
    ['it is missing before its deletion is requested', /^lost: a/, [missed(2), deletion(4)]],
    ['a deletion finds nothing, and no client has deleted it', /^lost: a/, [missed(2, 'delete')]],
    ['it is read after its deletion', /^back: a/, [deletion(2), read(4, 1, 'one')]],
    ['its content is read after its deletion', /^back: a/, [deletion(2), at(4, 'content', { sha256: 'A' })]],
    ['its metadata is read after its deletion', /^back: a/, [deletion(2), at(4, 'metadata')]],
    ['it is listed after its deletion', /^back: a/, [deletion(2), list(4, [item], false)]],
    ['it is renamed after its deletion', /^back: a/, [deletion(2), rename(4, 2, 'two')]],
    ['it returns after it was missing', /^back: a/, [at(2, 'delete', unanswered), missed(4), read(6, 1, 'one')]],
    ['an older version is read', /^older: a/, [rename(2, 2, 'two'), read(4, 1, 'one')]],
    ['an older version is listed', /^older: a/, [rename(2, 2, 'two'), list(4, [item])]],
    ['a version has two titles', /^mixed: version 2/, [rename(2, 2, 'two'), { ...read(4, 2, 'one') }]],
    ['a rename gives another title', /^mixed: version 2/, [{ ...rename(2, 2, 'two'), title: 'one' }]],
    ['a conditional rename replaces another version', /^over: /, [{ ...rename(2, 3, 'three'), from: 1 }]],
    ['no condition explains a refusal', /^other: the rename/, [at(2, 'rename', { status: 412, asked: 'two' })]],
    ['no client requested a title', /^mixed: version 1/, [read(2, 1, 'x')]],
    ['no client requested a cached title', /^mixed: a/, [at(2, 'title', { title: 'x' })]],
    ['a title is too old', /^older: a/, [rename(2, 2, 'two'), at(TITLE_AGE + 4, 'title', { title: 'one' })]],
    [
      'a title is old when everything is settled',
      /^older: a/,
      [rename(2, 2, 'two'), at(4, 'title', { title: 'one', isSettled: true })],
    ],
    ['a title outlives its media item', /^back: a/, [deletion(2), at(TITLE_AGE + 4, 'title', { title: 'one' })]],
    [
      'a title outlives its media item, and everything is settled',
      /^back: a/,
      [deletion(2), at(4, 'title', { title: 'one', isSettled: true })],
    ],
    [
      'a list shows an upload that was never complete',
      /^half: b/,
      [list(2, [item, { ...item, id: 'b', sha256: 'B' }])],
    ],
    ['a content has other bytes', /^half: a/, [at(2, 'content', { sha256: 'B' })]],
    [
      'no fault explains a response',
      /^other: the read of client 1 at 2 ms was answered 500/,
      [at(2, 'read', { status: 500 })],
    ],
    ['an upload is refused', /^other: the upload/, [at(2, 'upload', { status: 422, id: undefined })]],
    ['the route of uploads is missing', /^other: the upload/, [at(2, 'upload', { status: 404, id: undefined })]],
  ])('is invalid if %s', (_, anomaly, operations) => {
    expect(check(upload, ...operations)).toEqual([expect.stringMatching(anomaly)])
  })

  it('is invalid if a list shows an upload before its last byte was sent', () => {
    const early = { ...upload, returned: 9 }
    const history = { operations: [early, list(2, [item])], completeFrom: () => 5 }
    expect(anomaliesIn(history)).toEqual([expect.stringMatching(/^half: a/)])
  })
})

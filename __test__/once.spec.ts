import test from 'ava'
import { followedToken, following, outside } from '../src/abort.ts'
import { ModalityGapError } from '../src/errors.ts'
import { once } from '../src/once.ts'

/** Makes what the test says, one after another. */
function maker(answers: readonly (Error | string)[]): () => Promise<string> {
  let made = 0
  return async () => {
    const answer = answers[made++] as Error | string
    await new Promise(setImmediate)
    if (answer instanceof Error) {
      throw answer
    }
    return answer
  }
}

const CANCELLED = new ModalityGapError('CANCELLED', 'the operation was aborted')

test('what is asked for twice at once is made once, and kept', async t => {
  const [made, make] = [new Map<string, Promise<string>>(), maker(['first', 'second'])]
  t.deepEqual(await Promise.all([once(made, 'a', make), once(made, 'a', make)]), ['first', 'first'])
  t.is(await once(made, 'a', make), 'first')
  t.is(await once(made, 'b', make), 'second')
})

test('what failed fails for all who wait, and is made again for the next', async t => {
  const [made, make] = [new Map<string, Promise<string>>(), maker([new Error('no'), 'second'])]
  const [first, second] = [once(made, 'a', make), once(made, 'a', make)]
  t.is((await t.throwsAsync(first))?.message, 'no')
  t.is((await t.throwsAsync(second))?.message, 'no')
  t.is(await once(made, 'a', make), 'second')
})

test('an abort ends what the call itself has begun, and not what others wait for', async t => {
  const [made, make] = [new Map<string, Promise<string>>(), maker([CANCELLED, 'second', 'third'])]
  const [first, ...others] = [0, 1, 2].map(() => once(made, 'a', make))
  t.is(await t.throwsAsync(first as Promise<string>), CANCELLED)
  t.deepEqual(await Promise.all(others), ['second', 'second'])
})

test('a call that waits for the answer of another ends with its own signal, and the other does not', async t => {
  const made = new Map<string, Promise<string>>()
  let answer = (_: string) => {}
  const later = new Promise<string>(resolve => {
    answer = resolve
  })
  const first = once(made, 'a', () => later)
  const controller = new AbortController()
  const waits = following(controller.signal, ['s3://rows/a.npy'], () => once(made, 'a', async () => 'another'))
  controller.abort('no')
  t.like(await t.throwsAsync(waits), { code: 'CANCELLED', cause: 'no' })
  answer('first')
  t.is(await first, 'first')
  t.is(await once(made, 'a', async () => 'another'), 'first')
})

test('what is forgotten while it is made does not take away what was made after it', async t => {
  const made = new Map<string, Promise<string>>()
  let fail = (_: Error) => {}
  const later = new Promise<string>((_, reject) => {
    fail = reject
  })
  const first = once(made, 'a', () => later)
  made.clear()
  t.is(await once(made, 'a', async () => 'second'), 'second')
  fail(new Error('no'))
  t.is((await t.throwsAsync(first))?.message, 'no')
  t.is(await once(made, 'a', async () => 'third'), 'second')
})

test('functions of the caller do not follow the signal of the work that calls them', async t => {
  const { signal } = new AbortController()
  const seen: unknown[] = []
  class Callbacks {
    readonly many = 3
    onSave() {
      seen.push(followedToken(), this.many)
    }
  }
  const callbacks = outside(new Callbacks())
  await following(signal, ['s3://rows/a.npy'], async () => {
    callbacks.onSave()
    seen.push(followedToken() !== undefined)
  })
  t.deepEqual(seen, [undefined, 3, true])
  t.is(callbacks.many, 3)
})

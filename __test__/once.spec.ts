import test from 'ava'
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

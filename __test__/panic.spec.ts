import test from 'ava'
import { openEmbeddings } from '../src/embeddings.ts'
import { inspect } from '../src/inspect.ts'
import { runJob } from '../src/job.ts'

/** No kind of job: asks for a panic. */
const PANIC = { kind: '__panic' } as never

test('a native panic is an error with a code, and the process continues', async t => {
  const error = await t.throwsAsync(runJob(PANIC, [], {}))
  t.like(error, { name: 'ModalityGapError', code: 'PANIC' })
  t.regex(error.message, /report/)
  const rows = await openEmbeddings(Float32Array.of(1, 2), { dim: 2 })
  t.is((await inspect(rows)).rows, 1)
})

test('panics at the same time are errors each', async t => {
  const all = await Promise.allSettled(Array.from({ length: 8 }, () => runJob(PANIC, [], {})))
  t.true(all.every(({ status }) => status === 'rejected'))
})

import test from 'ava'
import { openEmbeddings, sourceOf } from '../src/embeddings.ts'
import { runJob } from '../src/job.ts'

const rows = await openEmbeddings(Float32Array.of(1, 2, 3, 4, 2, 1), { dim: 2 })

/** Options that each kind of job does not have; the native side refuses them by itself, whatever the façade has checked before. */
const FOREIGN = {
  fit: { parts: ['causes'] },
  align: { out: 'nowhere', figures: true },
  transform: { out: 'nowhere', method: 'bca' },
  measure: { method: 'bca', out: 'x' },
  convert: { out: 'nowhere', method: 'bca' },
  inspect: { energy: 0.5 },
  task: { spec: { task: 'merge', version: 1, states: [], out: 'nowhere' }, threads: 1 },
} as const

for (const [kind, options] of Object.entries(FOREIGN)) {
  test(`${kind} refuses an option of another kind of job`, async t => {
    const error = await t.throwsAsync(runJob({ kind, ...options } as never, [sourceOf(rows)], {}))
    const foreign = Object.keys(options).filter(key => key !== 'spec' && (key !== 'out' || kind === 'measure'))
    t.like(error, { name: 'ModalityGapError', code: 'BAD_OPTION' })
    t.true(
      foreign.some(key => error.message.includes(`unknown field \`${key}\``)),
      error.message,
    )
  })
}

test('an option of the strategy is named, too', async t => {
  const job = { kind: 'fit', methd: 'bca' } as never
  const error = await t.throwsAsync(runJob(job, [sourceOf(rows), sourceOf(rows)], {}))
  t.regex(error.message, /methd/)
})

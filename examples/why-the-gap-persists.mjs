// Why the gap persists: three conditions, watched while a small dual encoder trains on emoji.
//
//   1. There is a gap at initialisation.
//   2. Embeddings are projected onto the sphere, which moves their mean even where no gradient points.
//   3. The gradient of the contrastive loss at an embedding is a combination of the batch's embeddings. With 2B ≤ d/4
//      its residual outside of their span is rounding, while a random vector keeps sqrt(1 − 2B/d) of its length there.
//
// And where the drift of the orthogonal bias γ comes from: the shares of the subspace that turns and of the way back onto the
// sphere, as scripts/evidence/persistence.mjs computes them, each beside what chance gives.
//
// Usage: npm run build && node examples/why-the-gap-persists.mjs   (about two minutes; downloads emoji once)
// With pairs of your own: --data pairs.jsonl; shorter: --steps 60
import { Console } from 'node:console'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { DualEncoder } from '../dist/index.js'
import { prepareEmoji } from '../scripts/data/emoji.mjs'
import { persistence } from '../scripts/evidence/persistence.mjs'

const DIM = 192
const BATCH = DIM / 8

const { values } = parseArgs({ options: { data: { type: 'string' }, steps: { type: 'string', default: '600' } } })
const data = values.data ?? prepareEmoji().list
const steps = Number(values.steps)
const out = mkdtempSync(join(tmpdir(), 'modality-gap-persists-'))
const measure = persistence()
const rows = []
const onProbe = probe => {
  const numbers = Object.entries(measure(probe)).map(([name, value]) => [name, value && Number(value.toPrecision(4))])
  rows.push(Object.fromEntries(numbers))
}
const options = {
  batchSize: BATCH,
  steps,
  learningRate: 5e-4,
  probeEvery: Math.max(1, Math.floor(steps / 6)),
  probeRows: 1000,
  seed: 0,
}
await DualEncoder.train({ ...options, data, out }, { onProbe })
rmSync(out, { recursive: true })

process.stdout.write(
  `d = ${DIM}, B = ${BATCH}; a random vector is expected at ${Math.sqrt(1 - (2 * BATCH) / DIM).toFixed(4)}\n`,
)
new Console(process.stdout).table(rows)

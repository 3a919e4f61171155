import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { node } from './helpers/cli.ts'
import { colours } from './helpers/pictures.ts'
import { folderOf } from './helpers/place.ts'

const EXAMPLES = join(import.meta.dirname, '..', 'examples')
// with somewhat more pairs than a batch has; `npm run examples` runs all examples as they stand
test('train-and-track trains on pairs of one’s own, prints the claims and writes the report', async t => {
  const folder = folderOf(t)
  const out = join(folder, 'out')
  const options = ['--data', colours(folder, 140), '--steps', '8', '--probe-every', '2', '--freeze-at', '2']
  const { code, stdout, stderr } = await node([join(EXAMPLES, 'train-and-track.mjs'), out, ...options])
  t.is(code, 0, stderr)
  t.regex(stdout, /claim/)
  t.regex(stdout, /\btest\b/, 'the held-out pairs')
  const probes = readFileSync(join(out, 'log.jsonl'), 'utf8').trim().split('\n')
  t.true(probes.length >= 4, `${probes.length} records`)
  t.true(existsSync(join(out, 'report.html')))
})

test('why-the-gap-persists finds no gradient outside of the batch’s span', async t => {
  const folder = folderOf(t)
  const options = ['--data', colours(folder, 30), '--steps', '6']
  const { code, stdout, stderr } = await node([join(EXAMPLES, 'why-the-gap-persists.mjs'), ...options])
  t.is(code, 0, stderr)
  t.regex(stdout, /a random vector is expected at 0\.8660/)
  const cells = stdout.split('\n').map(line => line.split('│').map(cell => cell.trim()))
  const column = cells.find(line => line.includes('gradientOutside'))?.indexOf('gradientOutside') ?? -1
  const outside = cells.map(line => Number(line[column])).filter(value => !Number.isNaN(value))
  t.true(outside.length >= 6, stdout)
  // rounding of f32 gradients
  t.true(Math.max(...outside) < 1e-4, stdout)
})

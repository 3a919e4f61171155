// A dual encoder trained from scratch on emoji with the tracker attached: every probe of the training goes to the tracker, and
// at the end stand the claims of arXiv 2602.07026, each beside its baseline, and a report to look at.
//
// Usage: npm run build && node examples/train-and-track.mjs [out]   (about five minutes; downloads emoji once)
// With pairs of your own: --data pairs.jsonl; shorter: --steps 200 --probe-every 20 --freeze-at 120
//
// The same in two commands, by way of files:
//   modality-gap encoder train --data pairs.jsonl --out run --probe-every 40 --probes run/probes
//   modality-gap track run/probes --freeze-at 240 --html run/report.html
import { Console } from 'node:console'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { DualEncoder, findings, Tracker, trackReportData, writeReport } from '../dist/index.js'
import { prepareEmoji } from '../scripts/data/emoji.mjs'

const DIM = 192

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    data: { type: 'string' },
    steps: { type: 'string' },
    'probe-every': { type: 'string', default: '40' },
    'freeze-at': { type: 'string', default: '240' },
  },
})
const [out = 'train-and-track'] = positionals
const data = values.data ?? prepareEmoji().list
const steps = values.steps === undefined ? undefined : Number(values.steps)
mkdirSync(out, { recursive: true })
const log = join(out, 'log.jsonl')
rmSync(log, { force: true })

const tracker = new Tracker({ freezeAt: Number(values['freeze-at']), dim: DIM, log })
// a probe has the names that the tracker knows: image, text, gradImage, gradText, batchImage, batchText
const pushed = []
const onProbe = probe => pushed.push(tracker.push(probe))
const onStep = ({ step, total, loss }) => {
  if (step % 40 === 0) process.stderr.write(`\r${step}/${total} loss ${loss.toFixed(3)} `)
}
const options = { model: { dim: DIM }, steps, probeEvery: Number(values['probe-every']), probeRows: 2476 }
const encoder = await DualEncoder.train(
  { ...options, data, out: join(out, 'encoder'), overwrite: true },
  { onProbe, onStep },
)
await Promise.all(pushed)
process.stderr.write('\n')

const short = value => value && Number(value.toPrecision(4))
const { table } = new Console(process.stdout)
table(
  Object.entries(encoder.report.heldOut).map(([name, { rows, gap, textToImage, imageToText, chanceR5 }]) => ({
    'held out': name,
    pairs: rows,
    gap: short(gap),
    'R@5 image by caption': short(textToImage.r5),
    'R@5 caption by image': short(imageToText.r5),
    chance: short(chanceR5),
  })),
)
table(
  findings(tracker.records).map(({ id, measured, baseline, holds }) => ({
    claim: id,
    measured: short(measured),
    baseline: short(baseline),
    holds: holds ?? 'undecided',
  })),
)
await writeReport(trackReportData(tracker.records), join(out, 'report.html'), {
  title: 'Emoji from scratch',
  overwrite: true,
})
process.stdout.write(`${join(out, 'report.html')} shows the run\n`)

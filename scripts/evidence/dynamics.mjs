/**
 * What arXiv 2602.07026 says about the gap during training (sections 3 and 4, appendices B and C), on dual encoders trained
 * from scratch on renderings of emoji, with the tracker attached.
 *
 *   npm run evidence -- dynamics [--seeds 0,1,2] [--threads 2] [--only cold,warm,span]
 *
 * A run takes minutes; each is kept in the cache folder, so an interrupted study continues where it was. With --only the runs
 * are made and nothing is written.
 */
import { setPriority } from 'node:os'
import { median } from '../../benches/child.mjs'
import { findings } from '../../dist/index.js'
import { scriptOptions } from '../options.mjs'
import { finishedRun } from './dynamics-runs.mjs'
import { row, writeEvidence } from './record.mjs'

/** Below what somebody waits for. */
const NICE = 10
const INTRO = `Dual encoders of this package, trained from scratch on emoji as three vendors draw them (\`scripts/data/emoji.mjs\`), probed
on all 2476 held-out pairs, in a frame of 99 % of the energy. \`cold\` starts at temperature 0.01, \`warm\` at 0.07; both make 1560 updates in
batches of 128, are probed every 40 and frozen at 240. \`span\` trains 600 updates in batches of 24 pairs, so that a batch spans a
quarter of the 192 columns; it is probed every 20 and frozen at 100.
A finding holds when every probe meets it; \`measured\` is the least favourable probe, \`baseline\` what chance gives there, \`met\` the share
of probes that meet it. \`holds\` is null where the baseline meets it as well, where seeds disagree, or where nothing decides.
Captions of words that the training has not seen are embedded alike (76 flags among the 2476 pairs): as one item they make most of the noise of a
mean, and the gap is judged without them.`

/** Settings of the runs. */
const STUDIED = ['cold', 'warm', 'span']
/** The conditions under which a gap persists: findings of the runs with small batches. */
const CONDITIONS = ['gap-at-initialisation', 'sphere-moves-the-mean', 'gradients-in-span']
/** Findings that say nothing where the batch spans the whole space. */
const SPAN_ONLY = ['gap-at-initialisation', 'gradients-in-span']

export async function evidence(args) {
  const { values } = scriptOptions({
    args,
    options: {
      seeds: { type: 'string', default: '0,1,2' },
      threads: { type: 'string', default: '2' },
      only: { type: 'string' },
    },
  })
  setPriority(NICE)
  const seeds = values.seeds.split(',').map(Number)
  const threads = Number(values.threads)
  const runs = {}
  for (const setting of values.only?.split(',') ?? STUDIED) {
    runs[setting] = []
    for (const seed of seeds) runs[setting].push(await finishedRun(setting, seed, threads))
  }
  if (values.only !== undefined) return
  const study = { seeds, runs }
  writeEvidence('dynamics', INTRO, [
    ...found(study, 'cold', id => !SPAN_ONLY.includes(id)),
    ...found(study, 'warm', id => !SPAN_ONLY.includes(id)),
    ...found(study, 'span', id => CONDITIONS.includes(id)),
    ...drift(study),
    ...temperature(study),
    ...retrieval(study),
  ])
}

function dataOf(setting, [{ report }]) {
  return `emoji, ${report.pairs} pairs, ${setting}`
}

/** The tracker's findings about the runs of a setting. */
function found({ seeds, runs }, setting, wanted) {
  const perSeed = runs[setting].map(({ records }) => findings(records).filter(({ id }) => wanted(id)))
  return perSeed[0].map(({ id, claim, how }, index) => {
    const own = perSeed.map(all => all[index])
    return row({
      id: `${id}/${setting}`,
      claim,
      how,
      data: dataOf(setting, runs[setting]),
      seeds,
      results: own.map(({ measured, baseline, met }) => ({ measured, baseline, met })),
      holds: (_, i) => own[i].holds,
    })
  })
}

/** Where the drift of the orthogonal bias comes from. */
function drift({ seeds, runs }) {
  const data = dataOf('span', runs.span)
  const last = ({ conditions }) => conditions.at(-1)
  const middle = ({ conditions }, name) => median(conditions.slice(1).map(condition => condition[name]))
  return [
    row({
      id: 'cob-drift-rotation',
      claim: 'The orthogonal bias drifts because the subspace turns: more than half of its drift is rotation',
      how: 'share of (P_V − P_Vt) m(t) along γ(t) − γ(0) at the last probe; baseline: the mean share of frames that have nothing to do with the rows',
      data,
      seeds,
      results: runs.span.map(run => ({
        drift: last(run).drift,
        share: last(run).rotation,
        baseline: last(run).rotationByChance,
      })),
      holds: against(share => share > 0.5),
    }),
    row({
      id: 'cob-drift-normalisation',
      claim: 'The way back onto the sphere moves the orthogonal bias more than the gradient does itself',
      how: 'share of π(z−ηg) − (z−ηg) in what one step of a tenth of a row’s length does to P_V m of the batch, median over the probes after the first; baseline: steps of the same lengths in random directions',
      data,
      seeds,
      results: runs.span.map(run => ({
        share: middle(run, 'normalisation'),
        baseline: middle(run, 'normalisationByChance'),
      })),
      holds: against(share => share > 0.5),
    }),
  ]
}

function temperature({ seeds, runs }) {
  const end = ({ report }) => report.heldOut['unseen-rendering'].gap
  const results = setting =>
    runs[setting].map(run => ({
      start: run.records[0].gap.centroid,
      end: end(run),
      temperature: run.report.temperature,
    }))
  return [
    row({
      id: 'gap-stays/cold',
      claim:
        'Started at temperature 0.01 the gap keeps at least half of its width at initialisation (a PyTorch twin ended at 0.6)',
      how: 'gap on unseen renderings after the last update against the gap of the probe at step 0; that it stays open at all is gap-persists',
      data: dataOf('cold', runs.cold),
      seeds,
      results: results('cold'),
      holds: ({ start, end }) => end >= start / 2,
    }),
    row({
      id: 'gap-closes/warm',
      claim:
        'Started at temperature 0.07 the gap closes: less than half of what is left after a start at 0.01 (a PyTorch twin ended at 0.18)',
      how: 'gap on unseen renderings after the last update, of the same seed at both temperatures',
      data: dataOf('warm', runs.warm),
      seeds,
      results: results('warm').map((result, i) => ({ ...result, cold: end(runs.cold[i]) })),
      holds: ({ end, cold }) => end < cold / 2,
    }),
  ]
}

function retrieval({ seeds, runs }) {
  return ['cold', 'warm'].flatMap(setting =>
    ['unseen-rendering', 'unseen-emoji'].map(split =>
      row({
        id: `retrieval-${split}/${setting}`,
        claim: `Held-out pairs find each other far above chance (${split.replace('-', ' ')}; a PyTorch twin, split unknown: ${split === 'unseen-emoji' ? 0.59 : 0.92})`,
        how: 'R@5 among all pairs of the split, equal captions counted once; holds when both ways reach ten times the chance',
        data: dataOf(setting, runs[setting]),
        seeds,
        results: runs[setting].map(({ report }) => {
          const { textToImage, imageToText, chanceR5 } = report.heldOut[split]
          return { textToImage: textToImage.r5, imageToText: imageToText.r5, chance: chanceR5 }
        }),
        holds: m => Math.min(m.textToImage, m.imageToText) >= 10 * m.chance,
      }),
    ),
  )
}

/** A verdict on a share; null where its baseline meets the claim as well. */
function against(meets) {
  return ({ share, baseline }) => (meets(share) && meets(baseline) ? null : meets(share))
}

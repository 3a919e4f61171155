/**
 * What arXiv 2602.07026 says about training a multimodal language model from text (section 5), on SmolLM2-135M-Instruct and
 * emoji: a projector learns from names of emoji whose embeddings stand in for pictures, and is shown pictures.
 *
 *   npm run evidence -- revision [--seeds 0,1,2,3] [--steps 1000] [--only main,early,steps,tuned,tuning,scaling,toned] [--runs-only] [--finished]
 *
 * A run takes minutes; each is kept in the cache folder, so an interrupted study continues where it was. --steps are the
 * updates of the main comparison; `early` is the same with 400, which the others make too, and `tuned` continues from it with a
 * few pictures. With --only the named comparisons are made, and claims that need others are written as undecided. With --runs-only nothing is written: several such calls, with seeds of their own and
 * --threads 1, use a machine better than one does. With --finished nothing is trained: what is there is written.
 */
import { setPriority } from 'node:os'
import { compareArms } from '../../dist/index.js'
import { prepareStudy, studyFolder } from '../data/emoji-study.mjs'
import { smollm2 } from '../data/smollm2.mjs'
import { scriptOptions } from '../options.mjs'
import { finishedRun } from './dynamics-runs.mjs'
import { writeEvidence } from './record.mjs'
import { armTables, revisionClaims } from './revision-claims.mjs'
import {
  comparisons,
  finishedPart,
  OTHER_STEPS,
  reuseProjectors,
  TONED_STEPS,
  tonedComparison,
} from './revision-study.mjs'

/** Seed of the encoders. */
const SEED = 1
/** Below what somebody waits for. */
const NICE = 5
const INTRO = `A projector (\`mlp2x_gelu\`, four distinct soft tokens) before SmolLM2-135M-Instruct (GGUF Q4_1, frozen, products in bf16) learns
names of emoji: batches of 16, AdamW at 3e-3, cosine. Its rows are embeddings of the *names* by the dual encoder of
\`npm run evidence -- dynamics\` (seed 1, temperature 0.01), moved onto the images by each strategy: 1721 names, so that
1,000 updates see each nine times. \`paired\` learns from the pictures themselves, 5114, three to a name.
It is then shown pictures that neither it nor the encoder was trained on, without calibration:
\`unseen-rendering\` are known emoji as a fourth vendor draws them, \`unseen-emoji\` are others altogether. Losses are nats per
token of the name and its end; \`gain\` is what the right picture is worth against another's. Seeds are those of the projector and
of the data's order; intervals are Student's, 95 %, over the paired differences of the seeds, and a claim whose interval holds
zero is null.`

/** The material that is studied: embeddings by the encoder of a seed of the dynamics, which names it. */
const MATERIAL = `cold-${SEED}`
/** The same with skin-tone variants of people. */
const TONED = `toned-${SEED}`

export async function evidence(args) {
  const { values } = scriptOptions({
    args,
    options: {
      seeds: { type: 'string', default: '0,1,2,3' },
      steps: { type: 'string', default: '1000' },
      threads: { type: 'string', default: '2' },
      only: { type: 'string' },
      'runs-only': { type: 'boolean', default: false },
      finished: { type: 'boolean', default: false },
    },
  })
  setPriority(NICE)
  const [seeds, steps, threads] = [values.seeds.split(',').map(Number), Number(values.steps), Number(values.threads)]
  const given = { model: await smollm2(), seeds, threads }
  const all = comparisons({ ...given, folder: studyFolder(MATERIAL), steps })
  all.set('toned', tonedComparison({ ...given, folder: studyFolder(TONED) }))
  const reports = {}
  for (const name of values.only?.split(',') ?? all.keys()) {
    const config = values.finished ? finishedPart(all.get(name)) : all.get(name)
    if (config === undefined) continue
    await prepare(name === 'toned' ? TONED : MATERIAL, threads)
    if (config.stage2 !== undefined) reuseProjectors(config)
    reports[name] = await compareArms(config, { onRun: run => showRun(name, run) })
  }
  if (!values['runs-only']) {
    const said = `\`main\` makes ${steps} updates a run, \`early\` and the others ${OTHER_STEPS}; \`tuned\` and \`tuning\` continue from there with 60 on 300 pictures (adapters of rank 8 and the projector). \`toned\` makes ${TONED_STEPS} on material with skin-tone variants of people, 10194 pictures and 3398 names, with an encoder of its own.`
    writeEvidence('revision', [`${INTRO} ${said}`, ...armTables(reports)].join('\n\n'), revisionClaims(reports))
  }
}

async function prepare(name, threads) {
  const { encoder } = await finishedRun(name.split('-')[0], SEED, threads)
  await prepareStudy({ encoder, name, skinTones: name === TONED })
}

function showRun(name, { arm, seed, index, count, cached }) {
  process.stderr.write(`revision: ${name} ${index + 1}/${count}, ${arm}, seed ${seed}${cached ? ', kept' : ''}\n`)
}

/**
 * Trainings on emoji with the tracker attached, each kept in the cache folder: a run that is there is read, one that was
 * interrupted resumes and ends with the same bits.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DualEncoder, Tracker } from '../../dist/index.js'
import { emojiFolder, prepareEmoji } from '../data/emoji.mjs'
import { persistence } from './persistence.mjs'

/** Updates between two lines of progress. */
const PROGRESS_EVERY = 20
/** Columns of the encoder's embeddings. */
const DIM = 192
/** What both temperatures share. */
const LONG = { epochs: 40, batchSize: 128, learningRate: 1e-3 }

/** What is trained, and how it is tracked: updates between two probes, and the one that the frame is frozen at. */
export const SETTINGS = {
  /** Temperature as CLIP ends with it. */
  cold: { train: { ...LONG, temperature: 0.01 }, every: 40, freezeAt: 240 },
  /** Temperature as CLIP begins with it. */
  warm: { train: { ...LONG, temperature: 0.07 }, every: 40, freezeAt: 240 },
  /** The same updates with people with skin-tone variants, for the study of ReVision. */
  toned: { train: { ...LONG, epochs: LONG.epochs / 2, temperature: 0.01 }, skinTones: true, every: 40, freezeAt: 240 },
  /** 2B ≤ d/4, so that the batch spans a small part of the space; the conditions of persistence are measured. */
  span: {
    train: { steps: 600, batchSize: DIM / 8, learningRate: 5e-4, temperature: 0.01 },
    every: 20,
    freezeAt: 100,
    conditions: true,
  },
}

/** Folder of a run: its encoder, its log and what came out of it. */
export function runFolder(setting, seed) {
  return join(emojiFolder(), 'dynamics', `${setting}-${seed}`)
}

/**
 * A run of a setting with a seed, from the cache or made now.
 *
 * @returns {Promise<{ encoder: string, report: object, records: object[], conditions: object[] }>} folder of the encoder,
 *   report of the training, records of the tracker, conditions of persistence where they are measured
 */
export async function finishedRun(setting, seed, threads) {
  const folder = runFolder(setting, seed)
  const options = { ...SETTINGS[setting], seed }
  begin(folder, options)
  const result = join(folder, 'result.json')
  while (!existsSync(result)) {
    process.stderr.write(`dynamics: ${setting}, seed ${seed}\n`)
    try {
      writeWhole(result, JSON.stringify(await train(folder, options, threads)))
    } catch (error) {
      if (!(error instanceof ProbeMissed)) throw error
      rmSync(folder, { recursive: true })
      begin(folder, options)
    }
  }
  return { encoder: encoderOf(folder), ...JSON.parse(readFileSync(result, 'utf8')) }
}

/** The folder of a run with these options; what another run has left in it goes. */
function begin(folder, options) {
  const file = join(folder, 'options.json')
  const key = JSON.stringify(options, null, 2)
  if (existsSync(file) && readFileSync(file, 'utf8') !== key) rmSync(folder, { recursive: true })
  mkdirSync(folder, { recursive: true })
  writeWhole(file, key)
}

/** A checkpoint that is further than the tracker's state: the probes between them are lost. */
class ProbeMissed extends Error {}

async function train(folder, { train: given, skinTones, freezeAt, conditions, every, seed }, threads) {
  const { list, pairs } = prepareEmoji({ skinTones })
  const out = encoderOf(folder)
  const [state, log] = ['state.safetensors', 'log.jsonl'].map(name => join(folder, name))
  const measure = conditions && persistence()
  const measured = []
  // what is measured from the start on is not saved in between
  const resume = !measure && existsSync(state) && existsSync(join(out, 'checkpoint.safetensors'))
  if (!resume) for (const path of [out, state, log]) rmSync(path, { recursive: true, force: true })
  const use = { dim: DIM, log, threads }
  const tracker = resume ? await Tracker.load(state, use) : new Tracker({ freezeAt, seed, ...use })
  let next = (tracker.lastStep ?? -every) + every
  let turn = Promise.resolve()
  const onProbe = probe => {
    // probes between the checkpoint and the tracker's state come again, with the same bits
    if (probe.step < next) return
    if (probe.step > next) throw new ProbeMissed()
    next += every
    if (measure) measured.push(measure(probe))
    const recorded = tracker.push(probe)
    recorded.catch(() => {})
    turn = turn.then(() => recorded).then(() => tracker.save(state))
    turn.catch(() => {})
  }
  const held = pairs.filter(({ split }) => split !== 'train').length
  const cadence = { probeEvery: every, probeRows: held, checkpointEvery: every }
  const options = { ...given, ...cadence, data: list, out, seed, resume, threads }
  const { report } = await DualEncoder.train(options, { onProbe, onStep: showStep })
  await turn
  return { report, records: tracker.records, conditions: measured }
}

function showStep({ step, total, loss, accuracy }) {
  if (step % PROGRESS_EVERY === 0 || step === total) {
    const end = step === total ? '\n' : ' '
    process.stderr.write(`\r${step}/${total} loss ${loss.toFixed(3)} accuracy ${accuracy.toFixed(2)}${end}`)
  }
}

function encoderOf(folder) {
  return join(folder, 'encoder')
}

function writeWhole(path, text) {
  writeFileSync(`${path}.tmp`, text)
  renameSync(`${path}.tmp`, path)
}

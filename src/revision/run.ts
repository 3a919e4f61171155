import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { following, outside, type RunOptions } from '../abort.ts'
import {
  anyOf,
  type Checks,
  callback,
  checkOptions,
  checkPath,
  flag,
  instanceOf,
  listOf,
  localInput,
  localOutput,
  madeHere,
  OWN,
  object,
  oneOf,
  text,
  whole,
  wrong,
} from '../checks.ts'
import { exists } from '../claim.ts'
import { Embeddings } from '../embeddings.ts'
import { DualEncoder } from '../encoder/encoder.ts'
import { ModalityGapError } from '../errors.ts'
import { once } from '../once.ts'
import { overwriteChecks, runChecks } from '../option-checks.ts'
import { readRegular } from '../regular-file.ts'
import { kindOf } from '../rows.ts'
import { writeWhole } from '../whole-file.ts'
import { ask, type Question } from './ask.ts'
import type { Override } from './config/overlay.ts'
import { CONFIG_FILE, checkConfig, keepConfig, loadConfig, overrideChecks, type ReVisionConfig } from './config.ts'
import { type EvaluationReport, evaluateRun } from './evaluation.ts'
import { type GapOnTheWay, gapOnTheWay } from './gap-on-the-way.ts'
import type { GenerateOptions } from './generate-options.ts'
import { type HandOverOptions, handOver } from './hand-over.ts'
import { clearCache } from './litter.ts'
import { VisionModel } from './model.ts'
import { EXPORTS, generateChecks } from './model-checks.ts'
import type { Answer } from './model-options.ts'
import { preflight } from './preflight.ts'
import { widthOfProjector } from './projector-file.ts'
import { PROJECTOR, type StageName, type StageStart } from './stage-file.ts'
import { leftBy, modelOf, runStage } from './stages.ts'
import type { TrainerCallbacks, TrainingReport } from './trainer-options.ts'
import { Workspace } from './workspace.ts'

/** What a run came to; also `result.json` in its output. */
export interface ReVisionReport {
  /** Pretraining of the projector on text. */
  stage1?: TrainingReport
  /** Tuning on images. */
  stage2?: TrainingReport
  /** What the model shows at the end. */
  evaluation: EvaluationReport
  /** The gap before the aligner, after it, and after the projector; absent without rows of both sides. */
  gap?: GapOnTheWay
}

/** How a run is watched and stopped. */
export interface ReVisionRunOptions extends RunOptions {
  /** Listeners, by stage. */
  callbacks?: Partial<Record<StageName, TrainerCallbacks>>
}

const listeners = object<TrainerCallbacks>({
  onTrainBegin: callback,
  onStepEnd: callback,
  onLog: callback,
  onEvaluate: callback,
  onSave: callback,
  onTrainEnd: callback,
})

export const runOptionChecks: Checks<ReVisionRunOptions> = {
  ...runChecks,
  callbacks: object<Record<StageName, TrainerCallbacks>>({ stage1: listeners, stage2: listeners }),
}

const handOverChecks: Checks<HandOverOptions> = { ...runChecks, ...overwriteChecks, kind: oneOf(EXPORTS), rows: flag }

const questionChecks: Checks<Question> = {
  prompt: text,
  rows: (value, name) => {
    if (!(value instanceof Embeddings) && kindOf(value) !== 'Float32Array') {
      throw wrong(value, name, 'opened rows or a Float32Array of whole rows')
    }
  },
  pick: listOf(whole(), 'a list of numbers of rows'),
  images: listOf(localInput, 'a list of image files'),
  encoder: anyOf('an encoder or its path', localInput, instanceOf(DualEncoder, 'an encoder')),
}

/**
 * A run of ReVision: a projector learns from texts that stand in for images, then from a few real images, and is asked
 * about real images without calibration.
 *
 * @see arXiv 2602.07026, section 5
 */
export class ReVision {
  /** The checked configuration, with its defaults. */
  readonly config: ReVisionConfig
  /** What is odd about the configuration, such as keys that have no effect; absent where nothing is. */
  readonly warning?: string
  /** Rows for a model in use; it may outlive those of the training. */
  #workspace: Workspace
  readonly #model = new Map<'model', Promise<VisionModel>>()

  private constructor(own: symbol, config: ReVisionConfig, warning: string | undefined) {
    madeHere(own, 'ReVision', 'await ReVision.open(config)')
    this.config = config
    this.warning = warning
    this.#workspace = new Workspace(config, { trained: true })
  }

  /**
   * Reads a configuration: a file (YAML or JSON), the output folder of an earlier run, or an object. Nothing else is
   * opened yet.
   *
   * @param overrides keys that take the place of the configuration's, in the same nesting; `null` takes one away
   * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`; `BAD_FORMAT` for broken YAML; `BAD_OPTION` for unknown keys,
   * contradictions and values that make no sense, with the file and the line as row
   */
  static async open(config: string | object, overrides: Override = {}): Promise<ReVision> {
    checkInput(config, 'ReVision.open')
    overrideChecks(overrides, 'the second argument of ReVision.open')
    const loaded = typeof config === 'string' ? await loadConfig(config, overrides) : checkConfig(config, overrides)
    const warnings = [loaded.warning, untrained(loaded.config)].filter(each => each !== undefined)
    return new ReVision(OWN, loaded.config, warnings.length > 0 ? warnings.join('; ') : undefined)
  }

  /**
   * Runs everything that is configured: both stages, evaluation; writes `result.json` into the output.
   *
   * @throws {@link ModalityGapError} what is wrong with data or model, by name; `BAD_OPTION` where the output holds another run;
   * `CANCELLED` after a checkpoint
   */
  async run(options: ReVisionRunOptions = {}): Promise<ReVisionReport> {
    checkOptions(options, 'revision.run', runOptionChecks)
    return await this.#following(options, () => this.#run(options))
  }

  async #run(options: ReVisionRunOptions): Promise<ReVisionReport> {
    const { stage1, stage2, output } = this.config
    await clearCache(new Workspace(this.config).cache)
    await preflight(this.config, new Workspace(this.config))
    if (!stage1 && !stage2) {
      await refuseAnother(this.config)
      await keepConfig(this.config)
    }
    const first = stage1 ? await this.pretrain(options) : undefined
    const second = stage2 ? await this.finetune(options) : undefined
    const { evaluation, gap } = await this.evaluate({ signal: options.signal, onProgress: options.onProgress })
    const report: ReVisionReport = {
      ...(first ? { stage1: first } : {}),
      ...(second ? { stage2: second } : {}),
      evaluation,
      ...(gap ? { gap } : {}),
    }
    await writeWhole(join(output, 'result.json'), `${JSON.stringify(report, null, 2)}\n`)
    return report
  }

  /**
   * Stage 1 alone: modality substitution pretraining, the language model frozen.
   *
   * @throws {@link ModalityGapError} as {@link ReVision.run} does
   */
  async pretrain(options: ReVisionRunOptions = {}): Promise<TrainingReport> {
    checkOptions(options, 'revision.pretrain', runOptionChecks)
    return await this.#train('stage1', {}, options)
  }

  /**
   * Stage 2 alone, from what stage 1 left in the output, or from a fresh projector where there is no stage 1.
   *
   * @throws {@link ModalityGapError} as {@link ReVision.run} does; `NOT_FOUND` when stage 1 was not finished
   */
  async finetune(options: ReVisionRunOptions = {}): Promise<TrainingReport> {
    checkOptions(options, 'revision.finetune', runOptionChecks)
    return await this.#train('stage2', this.#after('stage1'), options)
  }

  async #train(name: StageName, start: StageStart, options: ReVisionRunOptions): Promise<TrainingReport> {
    const { callbacks, ...run } = options
    this.close()
    try {
      return await this.#following(run, () =>
        runStage(name, this.config, start, { callbacks: outside(callbacks?.[name] ?? {}), ...run }),
      )
    } finally {
      // questions that were asked meanwhile have read the model of before
      this.close()
    }
  }

  /**
   * What the model of the last stage shows: losses, answers and benchmarks, and the gap on the way into it.
   *
   * @throws {@link ModalityGapError} as {@link ReVision.model} does; what is wrong with data, by name; `CANCELLED`
   */
  async evaluate(run: RunOptions = {}): Promise<Pick<ReVisionReport, 'evaluation' | 'gap'>> {
    checkOptions(run, 'revision.evaluate', runChecks)
    return await this.#following(run, () => this.#evaluate(run))
  }

  async #evaluate(run: RunOptions): Promise<Pick<ReVisionReport, 'evaluation' | 'gap'>> {
    const { config } = this
    const model = await this.model()
    const workspace = this.#workspace
    const { image, text } = config.embeddings
    try {
      const evaluation = await evaluateRun({ model, config, workspace, run })
      const both = image !== undefined && text !== undefined && !config.blind
      return { evaluation, ...(both ? { gap: await gapOnTheWay(model, config, workspace, run) } : {}) }
    } finally {
      model.dispose()
    }
  }

  /**
   * Answers about real images, by the model of the last stage. Their rows go to the projector as they are; where the
   * method of the aligner moves images as well, they are moved first.
   *
   * The model is read once and kept until {@link ReVision.close}.
   *
   * @returns one answer for each image, or one for a text alone
   * @throws {@link ModalityGapError} `BAD_OPTION` for a question that makes no sense, or that does not fit with its answer;
   * `WIDTH_MISMATCH`, `BAD_ROW`, `BAD_IMAGE`; `NOT_FOUND` when no stage has been finished; `CANCELLED`
   */
  async generate(question: Question, options: GenerateOptions = {}): Promise<Answer[]> {
    checkOptions(question, 'revision.generate', questionChecks)
    checkOptions(options, 'the second argument of revision.generate', generateChecks)
    return await this.#following(options, async () => {
      const model = await once(this.#model, 'model', () => this.#kept())
      return await ask({ model, config: this.config, workspace: this.#workspace }, question, options)
    })
  }

  /**
   * Writes what the run has learned in files that others read; with `rows` also its records and embeddings, as trainers
   * of LLaVA's and Bunny's kind take them.
   *
   * @returns the files
   * @throws {@link ModalityGapError} `BAD_OPTION`, `WRITE_FAILED`; `NOT_FOUND` when no stage has been finished
   */
  async export(folder: string, options: HandOverOptions = {}): Promise<string[]> {
    checkPath(folder, 'revision.export', localOutput)
    checkOptions(options, 'the second argument of revision.export', handOverChecks)
    return await this.#following(options, async () => {
      const { config } = this
      const model = await this.model()
      try {
        return await handOver(
          { model, config, workspace: this.#workspace, left: this.#after('stage2') },
          folder,
          options,
        )
      } finally {
        model.dispose()
      }
    })
  }

  /**
   * The model that the last stage left, for use.
   *
   * @throws {@link ModalityGapError} `NOT_FOUND` when no stage has been finished; `BAD_OPTION` when one has that the
   * configuration does not name
   */
  async model(): Promise<VisionModel> {
    const start = this.#after('stage2')
    if (start.projector === undefined) {
      refuseForgotten(this.config)
    }
    const dim = start.projector === undefined ? await this.#workspace.dim() : await widthOfProjector(start.projector)
    return await VisionModel.open(modelOf(this.config, { dim, start }))
  }

  async #kept(): Promise<VisionModel> {
    try {
      return await this.model()
    } catch (error) {
      // what the files held may have changed when they are read again
      this.#workspace = new Workspace(this.config, { trained: true })
      throw error
    }
  }

  /** Lets go of the model that {@link ReVision.generate} keeps, and of opened rows; what is asked later is read anew. */
  close(): void {
    this.#model.clear()
    this.#workspace = new Workspace(this.config, { trained: true })
  }

  /** Work that the signal ends, also while it waits for one of the stores that the configuration names. */
  #following<T>({ signal }: RunOptions, work: () => Promise<T>): Promise<T> {
    return following(signal, textsIn(this.config), work)
  }

  /** What the last finished stage up to `name` left. */
  #after(name: StageName): StageStart {
    const stages = (['stage2', 'stage1'] as const).slice(name === 'stage2' ? 0 : 1)
    for (const name of stages) {
      const stage = this.config[name]
      if (stage) {
        return leftBy(join(this.config.output, name), stage)
      }
    }
    return {}
  }
}

/**
 * Checks what a configuration is read from.
 *
 * @throws {@link ModalityGapError} `BAD_OPTION`
 */
export function checkInput(input: unknown, of: string): void {
  if ((typeof input !== 'string' || input === '') && kindOf(input) !== 'Object') {
    throw wrong(input, of, 'a configuration: a file, an output folder or an object')
  }
}

/** All texts in a configuration, addresses among them. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') {
    return [value]
  }
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : []
}

/** A warning about a projector that is as it was made. */
function untrained({ stage1, stage2, projector }: ReVisionConfig): string | undefined {
  const learns = stage1 || stage2 || projector.init !== undefined || projector.type === 'identity'
  return learns
    ? undefined
    : 'the projector is new and has learned nothing: give a stage, projector.init, or the folder of a finished run'
}

/** Refuses to write a result where that of another configuration stands. */
async function refuseAnother(config: ReVisionConfig): Promise<void> {
  const { output, resume, overwrite } = config
  const file = join(output, CONFIG_FILE)
  if (resume !== false || overwrite || !existsSync(join(output, 'result.json'))) {
    return
  }
  const decisive = ({ resume: _, overwrite: __, threads: ___, logging: ____, ...rest }: ReVisionConfig) => rest
  const own = JSON.parse(JSON.stringify(decisive(config)))
  const kept = await readRegular(file)
    .then(bytes => JSON.parse(bytes.toString()))
    .catch(() => undefined)
  if (kept === undefined || !isDeepStrictEqual(decisive(kept), own)) {
    throw exists(join(output, 'result.json'), 'it is the result of another configuration')
  }
}

/** A configuration without stages is not to use a new projector where the output holds one that has learned. */
function refuseForgotten({ output, projector }: ReVisionConfig): void {
  const left = ['stage2', 'stage1'].find(stage => existsSync(join(output, stage, PROJECTOR)))
  if (left !== undefined && projector.init === undefined) {
    const message = `${output} holds a finished ${left} that this configuration does not name; name the folder itself, or projector.init`
    throw new ModalityGapError('BAD_OPTION', message, { file: output })
  }
}

import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { RunOptions } from '../abort.ts'
import { writeWhole } from '../whole-file.ts'
import { checkConfig, loadConfig, type ReVisionConfig } from './config.ts'
import { type EvaluationReport, evaluateRun } from './evaluation.ts'
import { type GapOnTheWay, gapOnTheWay } from './gap-on-the-way.ts'
import { VisionModel } from './model.ts'
import { leftBy, modelOf, runStage, type StageName, type StageStart } from './stages.ts'
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

/**
 * A run of ReVision: a projector learns from texts that stand in for images, then from a few real images, and is asked
 * about real images without calibration.
 *
 * @see arXiv 2602.07026, section 5
 */
export class ReVision {
  /** The checked configuration, with its defaults. */
  readonly config: ReVisionConfig
  /** One sentence about keys of the configuration that have no effect; absent without such keys. */
  readonly warning?: string
  readonly #workspace: Workspace

  private constructor(config: ReVisionConfig, warning: string | undefined) {
    this.config = config
    this.warning = warning
    this.#workspace = new Workspace(config)
  }

  /**
   * Reads a configuration: a file (YAML or JSON) or an object. Nothing is opened yet.
   *
   * @throws {@link ModalityGapError} as `loadConfig` does
   */
  static async open(config: string | object): Promise<ReVision> {
    const loaded = typeof config === 'string' ? await loadConfig(config) : checkConfig(config)
    return new ReVision(loaded.config, loaded.warning)
  }

  /**
   * Runs everything that is configured: both stages, evaluation; writes `result.json` into the output.
   *
   * @throws {@link ModalityGapError} what is wrong with data or model, by name; `CANCELLED` after a checkpoint
   */
  async run(options: ReVisionRunOptions = {}): Promise<ReVisionReport> {
    const { stage1, stage2, output } = this.config
    await mkdir(output, { recursive: true })
    await writeFile(join(output, 'config.json'), `${JSON.stringify(this.config, null, 2)}\n`)
    const first = stage1 ? await this.pretrain(options) : undefined
    const second = stage2 ? await this.finetune(options) : undefined
    const { evaluation, gap } = await this.evaluate(options)
    const report: ReVisionReport = {
      ...(first ? { stage1: first } : {}),
      ...(second ? { stage2: second } : {}),
      evaluation,
      ...(gap ? { gap } : {}),
    }
    await writeWhole(join(output, 'result.json'), `${JSON.stringify(report, null, 2)}\n`)
    return report
  }

  /** Stage 1 alone: modality substitution pretraining, the language model frozen. */
  async pretrain({ callbacks, ...run }: ReVisionRunOptions = {}): Promise<TrainingReport> {
    return await runStage('stage1', this.config, this.#workspace, {}, { callbacks: callbacks?.stage1, ...run })
  }

  /** Stage 2 alone, from what stage 1 left in the output, or from a fresh projector where there is no stage 1. */
  async finetune({ callbacks, ...run }: ReVisionRunOptions = {}): Promise<TrainingReport> {
    const start = this.#after('stage1')
    return await runStage('stage2', this.config, this.#workspace, start, { callbacks: callbacks?.stage2, ...run })
  }

  /** What the model of the last stage shows. */
  async evaluate(run: RunOptions = {}): Promise<Pick<ReVisionReport, 'evaluation' | 'gap'>> {
    const model = await this.model()
    const { image, text } = this.config.embeddings
    const evaluation = await evaluateRun(model, this.config, this.#workspace, run)
    const both = image !== undefined && text !== undefined && !this.config.blind
    return { evaluation, gap: both ? await gapOnTheWay(model, this.config, this.#workspace, run) : undefined }
  }

  /**
   * The model that the last stage left, for use.
   *
   * @throws {@link ModalityGapError} `NOT_FOUND` when no stage has been finished
   */
  async model(): Promise<VisionModel> {
    const start = this.#after('stage2')
    return await VisionModel.open(await modelOf(this.config, this.#workspace, { start }))
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

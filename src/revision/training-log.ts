import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { JsonLog, type LogKind } from '../json-log.ts'
import { type LogRecord, openTrainLog } from './logs.ts'
import type { StepReport } from './model-options.ts'
import type { LogSink, SampleAnswer, TrainerOptions } from './trainer-options.ts'

/** A line of `samples.jsonl`: what the model said at an evaluation. */
export interface SampleRecord extends SampleAnswer {
  /** Updates so far. */
  step: number
  /** Passes over the data so far, with fractions. */
  epoch: number
}

const SAMPLES: LogKind<SampleRecord> = {
  what: 'answer of a training',
  read: value => {
    const { step, answer } = Object(value) as Partial<SampleRecord>
    return typeof step === 'number' && typeof answer === 'string' ? (value as SampleRecord) : undefined
  },
}

/** Everything that a training writes while it continues: lines of its log, answers, and what sinks make of both. */
export class TrainingLog {
  readonly #lines: JsonLog<LogRecord> | undefined
  readonly #samples: JsonLog<SampleRecord> | undefined
  readonly #sinks: readonly LogSink[]
  /** Whether the file ends with the line of a training's end. */
  readonly ended: boolean

  private constructor(
    lines: JsonLog<LogRecord> | undefined,
    samples: JsonLog<SampleRecord> | undefined,
    sinks: readonly LogSink[],
    ended: boolean,
  ) {
    this.ended = ended
    this.#lines = lines
    this.#samples = samples
    this.#sinks = sinks
  }

  /**
   * Opens the files; what an interrupted run wrote of later steps is cut off.
   *
   * @param last the step that a run continues after; -1 for one that begins again, absent for a new one
   */
  static async open({ log, sinks }: TrainerOptions, last: number | undefined): Promise<TrainingLog> {
    if (log) {
      // what is wrong with the folder is reported when the file is opened
      await mkdir(dirname(log.lines), { recursive: true }).catch(() => undefined)
    }
    const opened = log && (await openTrainLog(log.lines, last))
    const keep = (records: readonly SampleRecord[]) => {
      const later = records.findIndex(({ step }) => step > (last ?? -1))
      return later === -1 ? records.length : later
    }
    const samples = log && (await JsonLog.open(log.samples, SAMPLES, keep)).log
    const ended = opened?.records.at(-1)?.train_runtime !== undefined
    return new TrainingLog(opened?.log, samples, (await sinks?.(last)) ?? [], ended)
  }

  /** Writes a line. */
  async write(record: LogRecord): Promise<void> {
    await this.#lines?.append(record)
    for (const sink of this.#sinks) {
      await sink.write(record)
    }
  }

  /** Writes answers. */
  async samples(place: { step: number; epoch: number }, answers: readonly SampleAnswer[]): Promise<void> {
    for (const answer of answers) {
      await this.#samples?.append({ ...place, ...answer })
    }
    for (const sink of this.#sinks) {
      await sink.text?.(place.step, 'samples', markdown(answers))
    }
  }

  /** Lets go of the sinks. */
  async close(): Promise<void> {
    await Promise.all(this.#sinks.map(sink => sink.close?.()))
  }
}

/** Answers as TensorBoard shows texts. */
function markdown(answers: readonly SampleAnswer[]): string {
  const line = (text: string) => text.replaceAll(/\s+/g, ' ').trim()
  return answers
    .map(
      ({ id, prompt, answer, reference }) =>
        `**${line(id)}** ${line(prompt)}  \n${line(answer)}  \n*${line(reference)}*`,
    )
    .join('\n\n')
}

/** Updates as one line of the log: means over their tokens, and the last one's norm and rate. */
export function lineOf(updates: readonly StepReport[]): Record<string, number> {
  const labels = updates.reduce((sum, each) => sum + each.labels, 0)
  const mean = (key: 'loss' | 'accuracy') => updates.reduce((sum, each) => sum + each[key] * each.labels, 0) / labels
  const { gradNorm, learningRate } = updates.at(-1) as StepReport
  return { loss: mean('loss'), accuracy: mean('accuracy'), grad_norm: gradNorm, learning_rate: learningRate, labels }
}

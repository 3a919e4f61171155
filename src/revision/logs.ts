import { ModalityGapError } from '../errors.ts'
import { JsonLog, type LogKind, type ReadLogOptions, recordsOf } from '../json-log.ts'

/**
 * A line of a training's log, with Hugging Face's keys. Of an update: `loss`, `grad_norm`, `learning_rate`; of an
 * evaluation: `eval_loss` and further `eval_*`; at the end: `train_runtime`, `train_samples_per_second`,
 * `train_steps_per_second`, `train_loss`. A number that is not finite is kept as `null`.
 */
export interface LogRecord {
  /** Updates so far. */
  step: number
  /** Passes over the data so far, with fractions. */
  epoch: number
  /** What was logged. */
  [key: string]: number | string | null
}

const KIND: LogKind<LogRecord> = {
  what: 'record of a training',
  read: value => {
    const record = value as LogRecord | null | undefined
    return typeof record?.step === 'number' && typeof record.epoch === 'number' ? record : undefined
  },
}

/**
 * Reads the log of a training, one JSON record per line. A last line that an interruption cut short is left out.
 *
 * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`; `BAD_FORMAT` with the line as row
 */
export async function readTrainLog(path: string, options: ReadLogOptions = {}): Promise<LogRecord[]> {
  return await recordsOf(path, KIND, options, 'readTrainLog')
}

/**
 * Opens the log of a training: a new one, or one whose run continues after step `last`. Records of later steps are cut
 * off, for they will be written again.
 *
 * @throws {@link ModalityGapError} `BAD_OPTION` when a new run would append to the log of another one; `BAD_FORMAT`,
 * `WRITE_FAILED`
 */
export async function openTrainLog(
  path: string,
  last: number | undefined,
): Promise<{ log: JsonLog<LogRecord>; records: LogRecord[] }> {
  return await JsonLog.open(path, KIND, records => {
    if (last === undefined && records.length > 0) {
      const message = `${path} is the log of another run; resume that one, or choose another output`
      throw new ModalityGapError('BAD_OPTION', message, { file: path })
    }
    const later = records.findIndex(({ step }) => step > (last ?? -1))
    return later === -1 ? records.length : later
  })
}

/** The numbers of a record by TensorBoard's tags, as Hugging Face writes them: `train/loss`, `eval/loss`, `test/loss`. */
export function tagsOf({ step, ...values }: LogRecord): Record<string, number> {
  const numbers = Object.entries(values).filter((entry): entry is [string, number] => typeof entry[1] === 'number')
  return Object.fromEntries(numbers.map(([key, value]) => [tagOf(key), value]))
}

function tagOf(key: string): string {
  const [, side, name] = /^(eval|test)_(.+)$/.exec(key) ?? []
  return side ? `${side}/${name}` : `train/${key}`
}

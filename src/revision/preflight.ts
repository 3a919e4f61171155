import { ModalityGapError } from '../errors.ts'
import { isThere } from '../places.ts'
import type { ReVisionConfig } from './config.ts'
import { TrainingSet, type TrainingSetOptions } from './data/training-set.ts'
import type { Workspace } from './workspace.ts'

/**
 * Looks at everything that a run is to read later on, so that what is wrong with it is reported before the first update:
 * files that are not there, sides of different width, records of a later stage and of the evaluation.
 *
 * @throws {@link ModalityGapError} `NOT_FOUND`, `WIDTH_MISMATCH`; as {@link TrainingSet.open} does
 */
export async function preflight(config: ReVisionConfig, workspace: Workspace): Promise<void> {
  const { stage1, stage2, evaluation } = config
  for (const file of filesOf(config)) {
    if (!(await isThere(file))) {
      throw new ModalityGapError('NOT_FOUND', `${file}: there is no such file or folder`, { file })
    }
  }
  await checkWidths(config, workspace)
  const { cache } = workspace
  const { onBad } = config.records
  if (stage1 && stage2) {
    const { data, key, missing, rows } = stage2
    await checkRecords({ data, key, missing, onBad, cache, lookup: await workspace.lookup(rows) })
  }
  if ((stage1 || stage2) && evaluation.data !== undefined) {
    const { data, key, missing, rows } = evaluation
    await checkRecords({ data, key, missing, onBad, cache, lookup: await workspace.lookup(rows, evaluation) })
  }
}

function filesOf({ model, projector, embeddings, stage1, stage2, evaluation }: ReVisionConfig): string[] {
  const { data, benchmarks } = evaluation
  const asked = benchmarks.flatMap(each => (typeof each === 'string' ? each : [each.path, each.answers ?? []].flat()))
  const aligner = typeof embeddings.aligner === 'string' ? embeddings.aligner : []
  const records = [stage1, stage2].flatMap(stage => (stage ? stage.data : []))
  return [model.path, projector.init ?? [], aligner, records, data ?? [], asked].flat()
}

/** One projector takes the rows of both sides. */
async function checkWidths({ embeddings }: ReVisionConfig, workspace: Workspace): Promise<void> {
  if (embeddings.image === undefined || embeddings.text === undefined) {
    return
  }
  const [image, text] = [await workspace.embeddings('image'), await workspace.embeddings('text')]
  if (image.dim !== text.dim) {
    const message = `text rows have ${text.dim} columns, image rows ${image.dim}`
    throw new ModalityGapError('WIDTH_MISMATCH', message, { file: text.shards[0]?.path })
  }
}

async function checkRecords(options: TrainingSetOptions): Promise<void> {
  const set = await TrainingSet.open(options)
  await set.close()
}

import type { RunOptions } from '../abort.ts'
import { openEmbeddings } from '../embeddings.ts'
import { measureGap } from '../measure.ts'
import type { ImageText } from '../results.ts'
import type { ReVisionConfig } from './config.ts'
import { epochOrder } from './data/order.ts'
import type { VisionModel } from './model.ts'
import type { ModelRows } from './rows.ts'
import type { Side, Workspace } from './workspace.ts'

/** Rows a side that are followed. */
const ROWS = 2000
/** Rows that go through the projector at a time. */
const AT_A_TIME = 250

/** Centroid gap of unit rows beside its noise floor. */
export interface GapAt {
  /** ‖μx − μy‖. */
  centroid: number
  /** How far apart two samples of one distribution of these sizes would be. */
  floor: number
}

/** The gap between images and texts on their way into the language model. */
export interface GapOnTheWay {
  /** Rows a side. */
  rows: ImageText
  /** As the encoder gives them. */
  raw: GapAt
  /** After the aligner; absent without one. */
  aligned?: GapAt
  /** After the projector, in the language model's space: all soft tokens of an embedding as one vector. */
  projected: GapAt
}

/** Measures the gap before the aligner, after it, and after the projector, on the same rows of a seeded sample. */
export async function gapOnTheWay(
  model: VisionModel,
  config: ReVisionConfig,
  workspace: Workspace,
  run: RunOptions = {},
): Promise<GapOnTheWay> {
  const aligner = await workspace.aligner(run)
  const plain = await bothSides(side => workspace.plain(side, run), config.seed)
  const open = async (side: Side) => await workspace.rowsOf(side, await workspace.embeddings(side), run)
  const moved = await bothSides(open, config.seed)
  const before = await gapOf(plain.image, plain.text, run)
  const projected = await gapOf(await projectedRows(model, moved.image), await projectedRows(model, moved.text), run)
  return {
    rows: { image: moved.image.count, text: moved.text.count },
    raw: before,
    ...(aligner ? { aligned: await gapOf(moved.image, moved.text, run) } : {}),
    projected,
  }
}

interface Picked {
  values: Float32Array
  dim: number
  count: number
}

async function bothSides(open: (side: Side) => Promise<ModelRows>, seed: number): Promise<Record<Side, Picked>> {
  const pick = async (side: Side): Promise<Picked> => {
    const rows = await open(side)
    const order = epochOrder(rows.rows, seed, 0)
    const numbers: number[] = []
    for (let i = 0; i < rows.rows && numbers.length < ROWS; i++) {
      const row = order(i)
      if (!rows.bad?.has(row)) numbers.push(row)
    }
    return { values: await rows.pick(numbers), dim: rows.dim, count: numbers.length }
  }
  return { image: await pick('image'), text: await pick('text') }
}

async function projectedRows(model: VisionModel, { values, dim, count }: Picked): Promise<Picked> {
  const parts: Float32Array[] = []
  for (let from = 0; from < count; from += AT_A_TIME) {
    parts.push(await model.project(values.subarray(from * dim, Math.min(count, from + AT_A_TIME) * dim)))
  }
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return { values: all, dim: all.length / count, count }
}

async function gapOf(image: Picked, text: Picked, run: RunOptions): Promise<GapAt> {
  const [x, y] = [
    await openEmbeddings(image.values, { dim: image.dim }),
    await openEmbeddings(text.values, { dim: text.dim }),
  ]
  const { gap } = await measureGap({ image: x, text: y, parts: [] }, { signal: run.signal })
  return { centroid: gap.centroid, floor: gap.floor }
}

import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'
import type { Turn } from '../../src/index.ts'
import { VisionModel } from '../../src/revision/model.ts'
import { folderOf } from './place.ts'

/** The committed folders of `fixtures/model-cases`. */
export const MODEL_CASES = fileURLToPath(new URL('../fixtures/model-cases/', import.meta.url))

/** A folder with the tiny Llama and files that take the place of its own. */
export function modelFolder(
  t: ExecutionContext,
  files: Readonly<Record<string, string | object>> = {},
  over?: string,
): string {
  const folder = folderOf(t)
  cpSync(join(MODEL_CASES, 'lm'), folder, { recursive: true })
  if (over !== undefined) {
    cpSync(join(MODEL_CASES, over), folder, { recursive: true })
  }
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content))
  }
  return folder
}

/** A JSON file of the tiny Llama. */
export function jsonOf(name: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(MODEL_CASES, 'lm', name), 'utf8'))
}

const USUAL: readonly Turn[] = [
  { role: 'user', content: 'what is this ?' },
  { role: 'assistant', content: 'a red fox on snow .' },
]

/** Positions, labels and nats of one sample of two turns. */
export async function measured(path: string, turns: readonly Turn[] = USUAL, adapter?: string) {
  const model = await VisionModel.open({ path, adapter, dim: 4, dtype: 'f32', threads: 1 })
  const samples = [{ id: 's', turns, rows: [] }]
  const { positions } = await model.sizes(samples)
  const { losses, labels } = await model.evaluate({ samples })
  return { positions: positions[0], labels: labels[0], nats: losses[0] as number, notes: model.info.notes }
}

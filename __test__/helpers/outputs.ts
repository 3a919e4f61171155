import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { modalityGap } from './cli.ts'
import { writeNpy } from './npy.ts'
import { colours } from './pictures.ts'
import { material, tinyConfig } from './revision.ts'

/** Columns of the rows. */
export const COLUMNS = 8

/** Rows that depend on their place and a phase only. */
export function rows(count: number, phase: number): Float32Array {
  return Float32Array.from({ length: count * COLUMNS }, (_, i) => Math.sin(i * phase) + (i % COLUMNS) / COLUMNS)
}

/** Both sides as files and as a clip-retrieval folder, pictures with a trained encoder, probes of a run, a run of ReVision. */
export async function prepared(t: ExecutionContext): Promise<string> {
  const folder = material(t)
  const at = (...names: string[]) => join(folder, ...names)
  for (const [side, phase] of [
    ['img', 1.3],
    ['text', 2.1],
  ] as const) {
    mkdirSync(at('clip', `${side}_emb`), { recursive: true })
    for (let i = 0; i < 2; i++) {
      writeNpy(at('clip', `${side}_emb`, `${side}_emb_${i}.npy`), rows(60, phase + i), [60, COLUMNS])
    }
    writeNpy(at(side === 'img' ? 'img.npy' : 'words.npy'), rows(60, phase), [60, COLUMNS])
  }
  mkdirSync(at('clip', 'metadata'))
  for (let i = 0; i < 2; i++) writeFileSync(at('clip', 'metadata', `metadata_${i}.jsonl`), '{"a":1}\n'.repeat(60))
  for (let step = 0; step < 3; step++) {
    mkdirSync(at('run', `step_${step}`), { recursive: true })
    writeNpy(at('run', `step_${step}`, 'image.npy'), rows(60, 1.3 + step), [60, COLUMNS])
    writeNpy(at('run', `step_${step}`, 'text.npy'), rows(60, 2.1 + step), [60, COLUMNS])
  }
  const data = colours(at('pictures'))
  const tower = { width: 8, layers: 1, heads: 2 }
  const model = { dim: 6, imageSize: 8, patch: 4, image: tower, text: tower, tokens: 4 }
  writeFileSync(at('encoder.json'), JSON.stringify({ model, batchSize: 4, steps: 3, probeEvery: 2, data }))
  writeFileSync(at('revision.json'), JSON.stringify(tinyConfig(folder, { stage2: false, output: at('revised') })))
  await succeeds(t, folder, ['fit', '--image', 'img.npy', '--text', 'words.npy', '--out', 'aligner'])
  await succeeds(t, folder, ['encoder', 'train', '--out', 'trained', 'encoder.json'])
  return folder
}

/** Runs a command that has to end well. */
export async function succeeds(t: ExecutionContext, cwd: string, args: readonly string[]): Promise<void> {
  const { code, stderr } = await modalityGap(args, { cwd })
  t.is(code, 0, `${args.join(' ')}: ${stderr}`)
}

/** Both sides as files. */
export const SIDES = ['--image', 'img.npy', '--text', 'words.npy']
/** A tracked run. */
export const TRACK = ['track', 'run', '--freeze-at', '0', '--rank', '2', '--top-eigen', '4', '--window', '2']

/** Every command with an output, and what it writes. */
export const COMMANDS: Record<string, readonly string[]> = {
  'align, folder': ['align', ...SIDES, '--out', 'out'],
  'align, file': ['align', ...SIDES, '--out', 'out/moved.npy'],
  'align, layout': ['align', '--image', 'clip', '--text', 'clip', '--out', 'out'],
  'align, both sides': ['align', ...SIDES, '--method', 'centering', '--out', 'out'],
  'align, reports': ['align', ...SIDES, '--out', 'out/rows', '--html', 'out/a.html', '--charts', 'out/charts'],
  fit: ['fit', ...SIDES, '--out', 'out/aligner'],
  transform: ['transform', '--aligner', 'aligner', '--in', 'clip/text_emb', '--out', 'out'],
  'transform, file': ['transform', '--aligner', 'aligner', '--in', 'words.npy', '--out', 'out/moved.npz'],
  convert: ['convert', '--in', 'clip/text_emb', '--out', 'out'],
  'convert, file': ['convert', '--in', 'words.npy', '--out', 'out/words.parquet'],
  'measure, report': ['measure', ...SIDES, '--html', 'out/a.html', '--atlas', 'out/atlas.parquet'],
  'measure, frame': ['measure', ...SIDES, '--save-frame', 'out/frame'],
  compare: ['compare', ...SIDES, '--methods', 'none,realign', '--html', 'out/a.html'],
  analyze: ['analyze', 'modalities', '--rows', 'a=img.npy', 'b=words.npy', '--charts', 'out/charts'],
  track: [...TRACK, '--out', 'out/log.jsonl', '--html', 'out/a.html'],
  'encoder train': ['encoder', 'train', '--out', 'out', '--probes', 'out/probes', '--holdout', '0.3', 'encoder.json'],
  'encoder embed': ['encoder', 'embed', '--encoder', 'trained', '--data', 'pictures/pairs.jsonl', '--out', 'out'],
  demo: ['demo', '--out', 'out'],
  'revision run': ['revision', 'run', 'revision.json', '--set', 'output=out'],
}

/** Every file below a folder. */
export function filesIn(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()
  return names.filter(name => statSync(join(folder, name)).isFile())
}

// Makes the picture in README.md: the sample coco-clip before and after ReAlign, drawn by the package itself.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Aligner, measureGap, openEmbeddings, writeCharts } from '../dist/index.js'

const root = join(import.meta.dirname, '..')
const sample = join(root, 'samples', 'coco-clip')
const picture = join(root, 'docs', 'images', 'coco-clip.svg')
const SHOWN = ['original', 'final']

const image = await openEmbeddings(sample, { role: 'image' })
const text = await openEmbeddings(sample, { role: 'text' })
const aligner = await Aligner.fit({ target: image, source: text })
const { figures, ...measured } = await measureGap({ image, text, aligner, parts: [], figures: true })
const stages = figures.stages.filter(({ name }) => SHOWN.includes(name))
const points = figures.projection.points.filter(({ stage }) => SHOWN.includes(stage))
const shown = { ...measured, figures: { ...figures, stages, projection: { ...figures.projection, points } } }

const folder = mkdtempSync(join(tmpdir(), 'modality-gap-picture-'))
try {
  await writeCharts(shown, folder)
  const svg = readFileSync(join(folder, 'pipeline.svg'), 'utf8')
  mkdirSync(join(root, 'docs', 'images'), { recursive: true })
  // what ECharts notes for a script in the page, a third of the file
  writeFileSync(picture, svg.replaceAll(/ ecmeta_\w+="[^"]*"/g, ''))
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.stdout.write(`${picture}\n`)

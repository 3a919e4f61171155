import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { packageFolder } from '../place.ts'
import { addCommonOptions, type CommonOptions } from './options.ts'
import { count } from './print.ts'
import { perform } from './session.ts'

const SAMPLE = fileURLToPath(new URL('samples/emoji', packageFolder))

interface Options extends CommonOptions {
  out?: string
}

export function addDemo(program: Command): void {
  const command = program
    .command('demo')
    .description('align the sample that comes with the package')
    .option('--out <dir>', 'where to write (default: a new temporary folder)')
  addCommonOptions(command).action((options: Options) =>
    perform({ json: options.json }, async run => {
      const { Aligner } = await import('../align.ts')
      const { fitTable } = await import('./fit-table.ts')
      const { openSides } = await import('./sides.ts')
      const out = options.out ?? mkdtempSync(join(tmpdir(), 'modality-gap-demo-'))
      const sides = await openSides({
        target: { paths: [SAMPLE], name: 'image' },
        source: { paths: [SAMPLE], name: 'text' },
      })
      const aligner = await Aligner.alignTo({ ...sides, out, threads: options.threads }, run)
      const heading = `Real embeddings of ${count(sides.target.rows)} pictures of emoji and their names, by a small dual encoder trained from scratch
that had never seen these pictures (samples/emoji/README.md).`
      return { report: aligner.report, text: `${heading}\n\n${fitTable(aligner)}\n\n${nextSteps(out)}` }
    }),
  )
}

function nextSteps(out: string): string {
  return `next:
  modality-gap inspect ${out}
  modality-gap measure --image YOUR_IMAGE_ROWS --text YOUR_TEXT_ROWS
  modality-gap align --image YOUR_IMAGE_ROWS --text YOUR_TEXT_ROWS --out aligned`
}

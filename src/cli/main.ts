#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { addAlign } from './align.ts'
import { addAnalyze } from './analyze.ts'
import { addCompare } from './compare.ts'
import { addConvert } from './convert.ts'
import { addDemo } from './demo.ts'
import { addEncoder } from './encoder.ts'
import { addFit } from './fit.ts'
import { addInspect } from './inspect.ts'
import { addMeasure } from './measure.ts'
import { addRevision } from './revision.ts'
import { USAGE } from './session.ts'
import { addTask } from './task.ts'
import { addTrack } from './track.ts'
import { addTransform } from './transform.ts'

const SOURCES = `
SRC is a file, a folder, a glob or several of them: npy, npz, parquet, arrow, safetensors, pickle, or a folder in the
clip-retrieval layout. SRC#name picks a column, tensor or key, or the leading index of a 3-D npy (pairs.npy#0).

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.`

function program(): Command {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  const command = new Command('modality-gap')
    .description('Measure and close the modality gap between image and text embeddings.')
    .version(version)
    .exitOverride()
    .configureOutput({
      outputError: (text, write) => write(text.replace(/^error: /, 'modality-gap: ')),
    })
    .showHelpAfterError('(--help lists commands and options)')
    .addHelpText('after', SOURCES)
  for (const add of [
    addDemo,
    addAlign,
    addFit,
    addTransform,
    addMeasure,
    addCompare,
    addAnalyze,
    addInspect,
    addConvert,
    addTrack,
    addEncoder,
    addRevision,
    addTask,
  ]) {
    add(command)
  }
  return command
}

// a reader that has seen enough, such as head, is no failure
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1)
})

try {
  await program().parseAsync()
} catch (error) {
  if (!(error instanceof CommanderError)) {
    throw error
  }
  process.exitCode = error.exitCode === 0 ? 0 : USAGE
}

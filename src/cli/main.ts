#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { packageFolder } from '../place.ts'
import { refuseReadOnly } from '../remote.ts'
import { addAlign } from './align.ts'
import { addAnalyze } from './analyze.ts'
import { addCluster } from './cluster.ts'
import { addCollect } from './collect.ts'
import { addCompare } from './compare.ts'
import { addConvert } from './convert.ts'
import { addDemo } from './demo.ts'
import { describe } from './describe.ts'
import { addEncoder } from './encoder.ts'
import { addFit } from './fit.ts'
import { addInspect } from './inspect.ts'
import { addMeasure } from './measure.ts'
import { show, tell } from './output.ts'
import { printable } from './printable.ts'
import { addRevision } from './revision.ts'
import { USAGE } from './session.ts'
import { addTask } from './task.ts'
import { addTrack } from './track.ts'
import { addTransform } from './transform.ts'

const SOURCES = `
SRC is a file, a folder, a glob or several of them: npy, npz, parquet, arrow, safetensors, pickle, jsonl, json, csv, fvecs,
or a folder in the clip-retrieval layout. SRC#name picks a column, tensor or key, or the leading index of a 3-D npy
(pairs.npy#0). Paths may be addresses: s3://, gs://, az://, and for reading https:// and hf://.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 tasks are to be run (--on list:FILE), 130 interrupted.`

/** Options that name what is written. */
const WRITTEN = ['--out', '--state', '--work', '--save-frame', '--html', '--charts', '--atlas']

/** Commands by their names, in the order of the help. */
const COMMANDS = new Map([
  ['demo', addDemo],
  ['align', addAlign],
  ['fit', addFit],
  ['transform', addTransform],
  ['measure', addMeasure],
  ['compare', addCompare],
  ['analyze', addAnalyze],
  ['inspect', addInspect],
  ['convert', addConvert],
  ['track', addTrack],
  ['encoder', addEncoder],
  ['revision', addRevision],
  ['task', addTask],
  ['collect', addCollect],
  ['cluster', addCluster],
])

function program(asked = ''): Command {
  const { version } = JSON.parse(readFileSync(new URL('package.json', packageFolder), 'utf8'))
  const command = new Command('modality-gap')
    .description('Measure and close the modality gap between image and text embeddings.')
    .version(version)
    .exitOverride()
    .configureOutput({
      writeOut: show,
      outputError: (text, write) => write(printable(text.replace(/^error: /, 'modality-gap: '))),
    })
    .hook('preAction', (_, action) => refuseOutputs(action))
    .showHelpAfterError('(--help lists commands and options)')
    .addHelpText('after', SOURCES)
  // a command that is asked for by its name needs none of the others
  const only = COMMANDS.get(asked)
  for (const add of only ? [only] : COMMANDS.values()) {
    add(command)
  }
  return command
}

/** Ends a command whose output nobody could write, before it reads anything. */
function refuseOutputs(action: Command): void {
  for (const option of action.options.filter(({ long }) => WRITTEN.includes(long ?? ''))) {
    const path = action.getOptionValue(option.attributeName())
    try {
      if (typeof path === 'string') {
        refuseReadOnly(path, option.long ?? '')
      }
    } catch (error) {
      action.error(describe(error))
    }
  }
}

// notes about models hold names of theirs; those who want none say so to Node
if (process.listenerCount('warning') > 0) {
  process.removeAllListeners('warning').on('warning', ({ name, message }) => tell(`modality-gap: ${name}: ${message}`))
}
program(process.argv[2])
  .parseAsync()
  .catch((error: unknown) => {
    if (!(error instanceof CommanderError)) {
      throw error
    }
    process.exitCode = error.exitCode === 0 ? 0 : USAGE
  })

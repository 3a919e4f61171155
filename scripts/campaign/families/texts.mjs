// Records, logs, configurations and places of JSON and text that are no such thing.
import { execFileSync } from 'node:child_process'
import { readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { Aligner } from '../../../src/align.ts'
import { readCaptions } from '../../../src/analyze/caption-files.ts'
import { openEmbeddings } from '../../../src/embeddings.ts'
import { inspect } from '../../../src/inspect.ts'
import { measureGap } from '../../../src/measure.ts'
import { readBenchmark } from '../../../src/revision/benchmarks/read.ts'
import { loadConfig } from '../../../src/revision/config.ts'
import { idsIn } from '../../../src/revision/data/id-files.ts'
import { TrainingSet } from '../../../src/revision/data/training-set.ts'
import { readTrainLog } from '../../../src/revision/logs.ts'
import { widthOfProjector } from '../../../src/revision/projector-file.ts'
import { readTrainerState } from '../../../src/revision/trainer-state.ts'
import { findings } from '../../../src/tracker/findings.ts'
import { readTrackLog } from '../../../src/tracker/log.ts'
import { Tracker } from '../../../src/tracker/tracker.ts'
import { npy, written } from '../kinds/material.mjs'

const READERS = {
  rows: async path => await inspect(await openEmbeddings(path), { threads: 1 }),
  aligner: async path => (await Aligner.load(path)).info,
  tracker: async path => (await Tracker.load(path)).lastStep,
  log: async path => findings(await readTrackLog(path)),
  'training log': readTrainLog,
  'training state': async path => await readTrainerState(join(path, '..')),
  captions: readCaptions,
  questions: readBenchmark,
  configuration: async path => (await loadConfig(path)).config.seed,
  records: async path => (await TrainingSet.open({ data: path, cache: join(path, '../cache') })).report,
  ids: async path => {
    for await (const id of idsIn(path)) if (id === undefined) return undefined
  },
  projector: widthOfProjector,
  frame: async path => {
    const rows = await openEmbeddings(new Float32Array(npy(20, 4).subarray(-320).buffer.slice(0, 320)), { dim: 4 })
    return await measureGap({ image: rows, text: rows, frame: path, threads: 1 })
  },
}

/** What each reader is given, by the ending that makes it look. */
const ENDINGS = {
  ...{
    rows: 'npy',
    aligner: 'safetensors',
    tracker: 'state',
    log: 'jsonl',
    'training log': 'jsonl',
    'training state': 'json',
    captions: 'txt',
  },
  ...{
    questions: 'tsv',
    configuration: 'yaml',
    records: 'jsonl',
    ids: 'jsonl',
    projector: 'safetensors',
    frame: 'frame',
  },
}
const MORE = [
  ['questions', 'jsonl'],
  ['ids', 'csv'],
  ['ids', 'txt'],
  ['ids', 'parquet'],
  ['ids', 'pkl'],
  ['records', 'json'],
  ['records', 'parquet'],
]

const nameOf = (reader, ending) => (reader === 'training state' ? 'trainer_state.json' : `file.${ending}`)

const places = [...Object.entries(ENDINGS), ...MORE].flatMap(([reader, ending]) =>
  Object.entries({
    'a device without an end': path => symlinkSync('/dev/zero', path),
    'a pipe that nobody writes to': path => execFileSync('mkfifo', [path]),
  }).map(([what, make]) => ({
    id: `${reader} (${ending}): ${what}`,
    codes: ['BAD_FORMAT', 'UNREADABLE'],
    says: /not a regular file/,
    onlyOn: 'linux',
    make: folder => make(join(folder, nameOf(reader, ending))),
    read: async folder => await READERS[reader](join(folder, nameOf(reader, ending))),
  })),
)

/** A record of a tracker, from the golden values of its tests. */
const golden = JSON.parse(readFileSync(new URL('../../../__test__/fixtures/tracker.json', import.meta.url), 'utf8'))
  .records[0]

/** The record without each of its parts, and with each part of another kind. */
function* brokenRecords() {
  const places = []
  const collect = (value, path) => {
    if (typeof value === 'object' && value !== null)
      for (const [key, each] of Object.entries(value)) collect(each, [...path, key])
    if (path.length > 0) places.push(path)
  }
  collect(golden, [])
  for (const path of places) {
    for (const change of ['gone', null, 'text', [], {}]) {
      const record = structuredClone(golden)
      const parent = path.slice(0, -1).reduce((at, key) => at[key], record)
      if (change === 'gone') delete parent[path.at(-1)]
      else parent[path.at(-1)] = change
      yield [`${path.join('.')} ${JSON.stringify(change)}`, record]
    }
  }
}

const TEXTS = {
  log: {
    'numbers beyond JSON': `${JSON.stringify(golden).replace(/-?\d+\.\d+/, '1e999')}\n`,
    'deep nesting': `${'['.repeat(100_000)}${']'.repeat(100_000)}\n`,
    'a list': '[1]\n',
    'a number': '7\n',
  },
  'training log': {
    'numbers beyond JSON': '{"step":1e999,"epoch":1}\n',
    'deep nesting': `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}\n`,
  },
  'training state': {
    'numbers beyond JSON': '{"epoch":1e999,"global_step":1,"max_steps":1,"num_train_epochs":1,"log_history":[]}',
    'deep nesting': '['.repeat(200_000),
  },
  configuration: {
    'deep nesting in brackets': `model: ${'['.repeat(50_000)}`,
    'deep nesting in braces': '{a: '.repeat(50_000),
    'deep nesting by indentation': Array.from({ length: 1_000 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'),
    'deep nesting in lists': `a: ${'- '.repeat(20_000)}x`,
    'references that multiply': `a: &a [x, x, x, x, x, x, x, x, x]\n${'bcdefghijk'.replace(/./g, (c, i) => `${c}: &${c} [${Array(9).fill(`*${'abcdefghij'[i]}`).join(', ')}]\n`)}`,
    'many keys': Array.from({ length: 100_000 }, (_, i) => `k${i}: 1`).join('\n'),
  },
  records: {
    'deep nesting': `{"caption": ${'['.repeat(100_000)}${']'.repeat(100_000)}}\n`,
    'numbers beyond JSON': '{"id": 1e999, "image": 1e999, "caption": ""}\n',
    'one long line': 'x'.repeat(70 << 20),
  },
  ids: {
    'one long line': 'x'.repeat(70 << 20),
    'deep nesting': `{"id": ${'['.repeat(100_000)}${']'.repeat(100_000)}}\n`,
  },
  questions: { 'one long row': `index\tquestion\tanswer\n1\t${'x'.repeat(70 << 20)}` },
  captions: {},
}

const texts = Object.entries(TEXTS).flatMap(([reader, all]) =>
  Object.entries(all).map(([what, text]) => ({
    id: `${reader}: ${what}`,
    codes: undefined,
    make: folder => written(folder, { [nameOf(reader, ENDINGS[reader])]: text }),
    read: async folder => await READERS[reader](join(folder, nameOf(reader, ENDINGS[reader]))),
  })),
)

const logs = {
  id: 'log: records that lack a part, or have another in its place',
  /** Either a record is refused with a code, or all that reads it does so without another error. */
  mayBeRead: true,
  make: () => {},
  async read(folder) {
    let refused = 0
    for (const [what, record] of brokenRecords()) {
      written(folder, { 'log.jsonl': `${JSON.stringify(record)}\n` })
      try {
        findings(await readTrackLog(join(folder, 'log.jsonl')))
      } catch (error) {
        if (error.name !== 'ModalityGapError') throw new Error(`${what}: ${error.stack}`)
        refused++
      }
    }
    return refused
  },
}

export const families = [...places, ...texts, logs]

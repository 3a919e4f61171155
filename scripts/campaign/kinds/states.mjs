// What the package writes for itself and reads again: aligners, frames, trackers, logs, states of passes, receipts, tasks.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Aligner } from '../../../src/align.ts'
import { openEmbeddings } from '../../../src/embeddings.ts'
import { measureGap } from '../../../src/measure.ts'
import { runTask } from '../../../src/task.ts'
import { findings } from '../../../src/tracker/findings.ts'
import { readTrackLog } from '../../../src/tracker/log.ts'
import { stepsFrom } from '../../../src/tracker/source.ts'
import { Tracker } from '../../../src/tracker/tracker.ts'
import { PortableAligner } from '../../../src/transform.ts'
import { npy, written } from './material.mjs'

const DIM = 4
const METHODS = { realign: { centroidIterations: 2 }, c3: { seed: 3 }, bures: {}, 'aniso-init': {}, centering: {} }

async function sides(folder) {
  written(folder, { 'image.npy': npy(40, DIM, 1), 'text.npy': npy(40, DIM, 8) })
  return {
    image: await openEmbeddings(join(folder, 'image.npy')),
    text: await openEmbeddings(join(folder, 'text.npy')),
  }
}

const ROW = Float64Array.of(0.5, -0.25, 1, 0.125)

/** What a reader of aligners makes of bytes: a row, or the code of its error. */
function moved(read) {
  try {
    return { row: [...read().transform(ROW)] }
  } catch (error) {
    if (error.name !== 'ModalityGapError' || error.code === 'PANIC') throw error
    return { code: error.code, error }
  }
}

export const kinds = [
  {
    id: 'aligners',
    async make(folder) {
      const { image: target, text: source } = await sides(folder)
      for (const [method, options] of Object.entries(METHODS)) {
        const aligner = await Aligner.fit({ target, source, method, ...options, threads: 1 })
        await aligner.save(join(folder, `${method}.safetensors`))
      }
    },
    targets: Object.keys(METHODS).map(method => `${method}.safetensors`),
    /** The native and the portable reader follow one rule: both refuse with one code, or both move a row to the same place. */
    read(folder, file) {
      const bytes = readFileSync(join(folder, file))
      const [own, portable] = [moved(() => Aligner.fromBytes(bytes)), moved(() => new PortableAligner(bytes))]
      const near = own.row?.every(
        (value, i) => Math.abs(value - portable.row?.[i]) <= 1e-6 * Math.max(1, Math.abs(value)),
      )
      if (own.code !== portable.code || near === false) {
        const outcome = ({ code, error, row }) => (row ? `read (${row})` : `${code} (${error.message})`)
        throw new Error(`the readers differ: native ${outcome(own)}, portable ${outcome(portable)}`)
      }
      if (own.error) throw own.error
      return own.row
    },
  },
  {
    id: 'frames',
    async make(folder) {
      await measureGap({ ...(await sides(folder)), paired: true, saveFrame: join(folder, 'frame'), threads: 1 })
    },
    targets: ['frame'],
    read: async folder =>
      await measureGap({ ...(await sides(folder)), paired: true, frame: join(folder, 'frame'), threads: 1 }),
  },
  {
    id: 'trackers',
    async make(folder) {
      const use = { freezeAt: 1, window: 2, log: join(folder, 'log.jsonl'), threads: 1 }
      const tracker = new Tracker(use)
      for (const step of [0, 1, 2]) await tracker.push(await stepOf(folder, step))
      await tracker.save(join(folder, 'state'))
    },
    targets: ['state', 'state', 'log.jsonl'],
    async read(folder, file) {
      const tracker = await Tracker.load(
        join(folder, 'state'),
        file === 'log.jsonl' ? { log: join(folder, file) } : { threads: 1 },
      )
      const records = await readTrackLog(join(folder, 'log.jsonl'))
      const found = findings(records)
      return [records, found, await tracker.push(await stepOf(folder, (tracker.lastStep ?? 2) + 1))]
    },
  },
  {
    id: 'track-lines',
    make: folder => written(folder, { 'steps.jsonl': [stepLine(0), stepLine(1)] }),
    targets: ['steps.jsonl'],
    async read(folder) {
      const tracker = new Tracker({ freezeAt: 0, threads: 1 })
      async function* lines() {
        yield* readFileSync(join(folder, 'steps.jsonl'), 'utf8').split('\n')
      }
      for await (const step of stepsFrom(lines())) await tracker.push(step)
      return tracker.records
    },
  },
  {
    id: 'pass-states',
    async make(folder) {
      await sides(folder)
      for (const side of ['image', 'text']) await runTask(momentsOf(folder, side))
    },
    targets: ['image.state', 'text.state'],
    read: async folder => {
      const states = ['image', 'text'].map(side => join(folder, `${side}.state`))
      return await runTask({ task: 'merge', version: 1, states, out: join(folder, 'merged') })
    },
  },
  {
    id: 'tasks',
    async make(folder) {
      const { image: target, text: source } = await sides(folder)
      await (await Aligner.fit({ target, source, threads: 1 })).save(join(folder, 'aligner'))
      written(folder, {
        'moments.json': {
          task: 'moments',
          version: 1,
          shard: { path: 'image.npy' },
          through: 'aligner',
          normalize: true,
          onBadRow: 'error',
          out: 'm',
        },
        'transform.json': {
          task: 'transform',
          version: 1,
          shard: { path: 'text.npy' },
          aligner: 'aligner',
          dtype: 'f32',
          format: 'npy',
          out: 'o',
        },
      })
    },
    targets: ['moments.json', 'transform.json'],
    async read(folder, file) {
      let spec
      try {
        spec = JSON.parse(readFileSync(join(folder, file), 'utf8'))
      } catch {
        return 0
      }
      // paths stay within the folder: what a task names is read and written by right
      for (const [object, key] of [
        [spec, 'out'],
        [spec, 'aligner'],
        [spec, 'through'],
        [spec?.shard, 'path'],
      ]) {
        if (typeof object?.[key] === 'string') object[key] = join(folder, object[key].replaceAll(/[^\w.]/g, '_'))
      }
      return await runTask(spec)
    },
  },
  {
    id: 'shard-receipts',
    async make(folder) {
      const { image: target, text: source } = await sides(folder)
      await (await Aligner.fit({ target, source, threads: 1 })).save(join(folder, 'aligner'))
      await transformed(folder, false)
      await Aligner.fit({ target, source, work: join(folder, 'work'), threads: 1 })
    },
    targets: ['out/**', 'work/**'],
    read: async folder => {
      const { image: target, text: source } = await sidesThere(folder)
      return [
        await transformed(folder, true),
        (await Aligner.fit({ target, source, work: join(folder, 'work'), resume: true, threads: 1 })).report,
      ]
    },
  },
]

async function sidesThere(folder) {
  return {
    image: await openEmbeddings(join(folder, 'image.npy')),
    text: await openEmbeddings(join(folder, 'text.npy')),
  }
}

async function transformed(folder, resume) {
  const aligner = await Aligner.load(join(folder, 'aligner'))
  return await aligner.transformTo(await openEmbeddings(join(folder, 'text.npy')), join(folder, 'out'), {
    resume,
    threads: 1,
  })
}

function momentsOf(folder, side) {
  return {
    task: 'moments',
    version: 1,
    shard: { path: join(folder, `${side}.npy`) },
    out: join(folder, `${side}.state`),
  }
}

async function stepOf(folder, step) {
  if (!readdirSync(folder).includes('image.npy')) await sides(folder)
  return { step, image: join(folder, 'image.npy'), text: join(folder, 'text.npy') }
}

function stepLine(step) {
  const rows = salt => ({
    base64: npy(12, DIM, salt)
      .subarray(-48 * DIM)
      .toString('base64'),
    dims: [12, DIM],
    dtype: 'f32',
  })
  return { step, image: rows(step), text: rows(step + 5) }
}

import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import test from 'ava'
import { readCaptions } from '../src/analyze/caption-files.ts'
import { Aligner, openEmbeddings, readTrackLog, Tracker } from '../src/index.ts'
import { openDataset, readBenchmark } from '../src/revision/index.ts'
import { type Ended, modalityGap } from './helpers/cli.ts'
import { writeNpy } from './helpers/npy.ts'
import { folderOf } from './helpers/place.ts'
import { jsonLines } from './helpers/revision.ts'
import { someRows } from './helpers/rows.ts'
import { ask, environment, objects, startS3 } from './helpers/servers.ts'

const DIM = 8
const ROWS = 60

/** Files that the commands below read. */
function material(folder: string): void {
  const at = (name: string) => {
    const path = join(folder, name)
    mkdirSync(dirname(path), { recursive: true })
    return path
  }
  const ids = Array.from({ length: ROWS }, (_, i) => `item ${Math.floor(i / 2)}`)
  for (const [side, seed] of [
    ['image', 1],
    ['text', 2],
  ] as const) {
    writeNpy(at(`${side}.npy`), someRows(ROWS, DIM, seed), [ROWS, DIM])
    for (const step of [1, 2, 3]) {
      writeNpy(at(`steps/step_${step}/${side}.npy`), someRows(ROWS, DIM, seed + 10 * step), [ROWS, DIM])
    }
  }
  writeFileSync(at('ids.txt'), ids.map(id => `${id}\n`).join(''))
  writeFileSync(at('ids.csv'), `image_id,n\n${ids.map((id, i) => `${id},${i}\n`).join('')}`)
  jsonLines(
    at('ids.jsonl'),
    ids.map(image_id => ({ image_id })),
  )
  writeFileSync(at('captions.txt'), ids.map((_, i) => `a picture of thing ${i}\n`).join(''))
  const records = ids.map((_, i) => ({ id: `r${i}`, image: `${i}`, caption: `thing ${i}` }))
  jsonLines(at('records/a.jsonl'), records.slice(0, 40))
  writeFileSync(at('records/b.json'), JSON.stringify(records.slice(40)))
  writeFileSync(at('packed.jsonl.gz'), gzipSync(records.map(record => `${JSON.stringify(record)}\n`).join('')))
  jsonLines(at('questions.jsonl'), [{ question_id: 1, image: '1.jpg', text: 'Is there a fox?', label: 'yes' }])
  writeFileSync(at('pairs.json'), JSON.stringify({ data: 's3://rows/pairs.jsonl', out: 's3://rows/encoder' }))
  writeFileSync(at('run.json'), JSON.stringify({ output: 's3://rows/run' }))
}

/** A command whose paths are places that `at` gives, what it writes there, and which of its options these are. */
interface Case {
  args: (at: (name: string) => string) => string[]
  /** Files with the same bytes, wherever they are. */
  same: string[]
  /** Files that name places or times, and are only looked for. */
  also?: string[]
  code?: number
}

const both = (at: (name: string) => string) => ['--image', at('image.npy'), '--text', at('text.npy')]

const CASES: Record<string, Case> = {
  'fit with ids': {
    args: at => {
      const ids = ['--image-ids', at('ids.txt'), '--text-ids', at('ids.csv')]
      return ['fit', ...both(at), ...ids, '--holdout', '0.2', '--out', at('fit.safetensors'), '--work', at('work')]
    },
    same: ['fit.safetensors'],
  },
  'fit by name of sides': {
    args: at => ['fit', '--target', at('image.npy'), '--source', at('text.npy'), '--out', at('plain.safetensors')],
    same: ['plain.safetensors'],
  },
  'align with ids of JSON lines': {
    args: at => ['align', ...both(at), '--image-ids', at('ids.jsonl#image_id'), '--out', at('aligned')],
    same: ['aligned/aligner.safetensors', 'aligned/text.npy'],
  },
  transform: {
    args: at => ['transform', '--aligner', at('plain.safetensors'), '--in', at('text.npy'), '--out', at('moved.npy')],
    same: ['moved.npy'],
  },
  convert: {
    args: at => ['convert', '--in', at('text.npy'), '--out', at('text.parquet')],
    same: ['text.parquet'],
  },
  'measure, and keep the frame': {
    args: at => ['measure', ...both(at), '--save-frame', at('frame.safetensors'), '--charts', at('charts')],
    same: ['frame.safetensors'],
    also: ['charts/'],
  },
  'measure in a frame, with an aligner and a report': {
    args: at => {
      const read = ['--frame', at('frame.safetensors'), '--aligner', at('plain.safetensors')]
      return ['measure', ...both(at), ...read, '--html', at('report.html'), '--atlas', at('atlas.parquet')]
    },
    same: ['atlas.parquet'],
    also: ['report.html'],
  },
  compare: {
    args: at => ['compare', ...both(at), '--methods', 'mean-shift', '--html', at('compared.html')],
    same: [],
    also: ['compared.html'],
  },
  'analyze captions': {
    args: at => {
      const corpora = ['--corpus', `a=${at('text.npy')},${at('captions.txt')}`]
      return ['analyze', 'captions', '--image', at('image.npy'), ...corpora, '--html', at('captions.html')]
    },
    same: [],
    also: ['captions.html'],
  },
  'analyze domains': {
    args: at => {
      const domain = (name: string) => ['--domain', `${name}=${at('image.npy')},${at('text.npy')}`]
      return ['analyze', 'domains', ...domain('a'), ...domain('b')]
    },
    same: [],
  },
  inspect: { args: at => ['inspect', at('image.npy'), at('steps/*/text.npy')], same: [] },
  track: {
    args: at => {
      const kept = ['--state', at('state.safetensors'), '--html', at('track.html')]
      return ['track', at('steps'), '--freeze-at', '1', ...kept, '--ids', at('ids.txt')]
    },
    same: ['state.safetensors'],
    also: ['track.html'],
  },
  'track from where it was': {
    args: at => ['track', at('steps'), '--state', at('state.safetensors')],
    same: ['state.safetensors'],
  },
  'list tasks': {
    args: at => {
      const fit = ['fit', ...both(at), '--out', at('listed.safetensors'), '--work', at('listed-work')]
      return [...fit, '--on', `list:${at('tasks.jsonl')}`]
    },
    same: [],
    also: ['tasks.jsonl'],
    code: 3,
  },
}

test('every path of a command may be an address of a store, with the same results', async t => {
  const folder = folderOf(t)
  const endpoint = await stored(t, folder)
  const run = (args: string[]): Promise<Ended> => modalityGap(args, { cwd: folder, env: environment(endpoint) })
  for (const [name, { args, same, also = [], code = 0 }] of Object.entries(CASES)) {
    const local = await run(args(file => join(folder, file)))
    t.is(local.code, code, `${name}: ${local.stderr}`)
    const remote = await run(args(file => `s3://rows/${file}`))
    t.is(remote.code, code, `${name}: ${remote.stderr}`)
    for (const file of same) {
      const found = (await objects(endpoint, dirname(file) === '.' ? '' : dirname(file))).get(basename(file))
      t.true(found?.equals(readFileSync(join(folder, file))), `${name}: ${file}`)
    }
    for (const file of also) {
      const found = await objects(endpoint, file.replace(/\/$/, ''))
      t.true(found.size > 0, `${name}: ${file}`)
      t.true(statSync(join(folder, file)).size > 0)
    }
  }
  t.false(existsSync(join(folder, 's3:')), 'no folder is made of the beginning of an address')
})

/** Jobs whose passes are run by tasks, and the file that they write, if they do. */
const LISTED: Record<string, { args: (at: (name: string) => string) => string[]; file?: string }> = {
  fit: { args: at => ['fit', ...both(at), '--out', at('fit.safetensors')], file: 'fit.safetensors' },
  inspect: { args: at => ['inspect', at('image.npy'), at('text.npy'), '--json'] },
  measure: { args: at => ['measure', ...both(at), '--json'] },
}

test('tasks and their results may lie in a store', async t => {
  const folder = folderOf(t)
  const endpoint = await stored(t, folder)
  const run = (args: string[]): Promise<Ended> => modalityGap(args, { cwd: folder, env: environment(endpoint) })
  const at = (file: string) => `s3://rows/${file}`
  for (const [job, { args, file }] of Object.entries(LISTED)) {
    const listed = [...args(at), '--work', at(`work-${job}`), '--on', `list:${at('tasks.jsonl')}`, '--resume']
    let passes = 0
    let ended = await run(listed)
    for (; ended.code === 3; ended = await run(listed)) {
      passes++
      const tasks = (await (await ask('GET', `${endpoint}/rows/tasks.jsonl`)).text()).trim().split('\n')
      const results: string[] = []
      for (const task of tasks) {
        await ask('PUT', `${endpoint}/rows/task.json`, Buffer.from(task))
        const done = await run(['task', at('task.json')])
        t.is(done.code, 0, done.stderr)
        results.push(done.stdout.replaceAll(/\s*\n\s*/g, ''))
      }
      await ask('PUT', `${endpoint}/rows/results.jsonl`, Buffer.from(results.join('\n')))
      const { manifest } = JSON.parse(tasks[0] as string)
      const collected = await run(['collect', manifest, '--results', at('results.jsonl')])
      t.is(collected.code, 0, collected.stderr)
      t.true(passes < 10)
    }
    t.is(ended.code, 0, `${job}: ${ended.stderr}`)
    t.true(passes > 0, job)
    const plain = await run(args(name => join(folder, name)))
    t.is(plain.code, 0, plain.stderr)
    if (file === undefined) {
      t.is(ended.stdout, plain.stdout.replaceAll(`${folder}/`, at('')), job)
    } else {
      const remote = (await objects(endpoint, '')).get(file)
      t.true(remote?.equals(readFileSync(join(folder, file))), job)
    }
  }
})

test.serial('functions read and write at addresses as at paths', async t => {
  const folder = folderOf(t)
  const endpoint = await stored(t, folder)
  Object.assign(process.env, environment(endpoint))
  const at = (file: string) => `s3://rows/${file}`
  const [image, text] = [await openEmbeddings(at('image.npy')), await openEmbeddings(at('text.npy'))]
  const aligner = await Aligner.fit({ target: image, source: text })
  await aligner.save(at('own.safetensors'))
  t.deepEqual((await Aligner.load(at('own.safetensors'))).toBytes(), aligner.toBytes())
  await t.throwsAsync(aligner.save(at('own.safetensors')), { message: /exists already/ })
  await t.throwsAsync(Aligner.load(at('absent.safetensors')), { code: 'NOT_FOUND' })

  t.deepEqual(await readCaptions(at('captions.txt')), await readCaptions(join(folder, 'captions.txt')))
  t.is((await readBenchmark(at('questions.jsonl'), { name: 'pope' })).length, 1)

  const tracker = new Tracker({ freezeAt: 1 })
  await tracker.push({ step: 1, image: at('image.npy'), text: at('text.npy') })
  await tracker.save(at('tracker.safetensors'))
  await tracker.saveFrame(at('tracker-frame.safetensors'))
  const again = await Tracker.load(at('tracker.safetensors'))
  t.is(again.lastStep, 1)
  await ask('PUT', `${endpoint}/rows/log.jsonl`, Buffer.from(`${JSON.stringify(tracker.records[0])}\n`))
  t.deepEqual(await readTrackLog(at('log.jsonl')), JSON.parse(JSON.stringify(tracker.records)))
})

test.serial('records of a data set are read at addresses, with rows and ids there', async t => {
  const folder = folderOf(t)
  const endpoint = await stored(t, folder)
  Object.assign(process.env, environment(endpoint))
  const read = async (at: (file: string) => string, records: string[]) => {
    const rows = { rows: at('image.npy'), ids: { from: 'row' } }
    await using set = await openDataset({ records: records.map(at), ...rows })
    const items = []
    for await (const { id, images, sample } of set) items.push({ id, images, sample })
    const batch = await set.at(3)
    return { items, embedding: [...(await set.embeddings([batch.sample]))], order: (await set.shuffle(5).at(0)).id }
  }
  const local = (file: string) => join(folder, file)
  const remote = (file: string) => `s3://rows/${file}`
  for (const records of [['records'], ['records/a.jsonl', 'records/b.json'], ['packed.jsonl.gz']]) {
    t.deepEqual(await read(remote, records), await read(local, records), records.join())
  }
  await t.throwsAsync(openDataset({ records: remote('absent.jsonl') }), { code: 'NOT_FOUND' })
  await t.throwsAsync(openDataset({ records: remote('steps/step_1') }), { code: 'EMPTY' })

  await using set = await openDataset({ records: remote('records/a.jsonl') })
  await ask('PUT', `${endpoint}/rows/records/a.jsonl`, readFileSync(local('packed.jsonl.gz')))
  await t.throwsAsync(set.at(39), { message: /has changed/ })
})

/** A store with a bucket `rows` that holds what the folder does. */
async function stored(t: Parameters<typeof startS3>[0], folder: string): Promise<string> {
  material(folder)
  const endpoint = await startS3(t)
  await ask('PUT', `${endpoint}/rows`)
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (statSync(join(folder, name)).isFile()) {
      await ask('PUT', `${endpoint}/rows/${name}`, readFileSync(join(folder, name)))
    }
  }
  return endpoint
}

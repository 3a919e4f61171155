/**
 * What Spark costs: the same fit and transformation here and on a throw-away cluster of this machine, start-up apart.
 *
 *   npm run bench:spark -- [--rows 20000000] [--dim 256] [--shards 16] [--runs 3] [--folder DIR] [--json]
 *
 * A side of `rows` f16 embeddings in npy shards is fitted to a side of two shards and moved: here with two threads, on two workers of one
 * core, and on one worker of one core. Two small fits, of 2 and of 66 tiny shards, give the cost of a pass and of a task. Runs alternate;
 * medians are printed and nothing is asserted. The outputs of both have to be equal. It needs Java 17, installs pyspark as `npm run spark`
 * does, and takes twice the size of the embeddings on the disk of DIR, which is removed in the end. With --json standard output holds
 * `{ machine, rows, dim, shards, results: [{ work, where, seconds, ratio }] }` and nothing else.
 */
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { installSpark } from '../scripts/data/spark.mjs'
import { median } from './child.mjs'

const { values: options } = parseArgs({
  options: {
    rows: { type: 'string', default: '20000000' },
    dim: { type: 'string', default: '256' },
    shards: { type: 'string', default: '16' },
    runs: { type: 'string', default: '3' },
    folder: { type: 'string', default: tmpdir() },
    json: { type: 'boolean', default: false },
  },
})
const [rows, dim, shards, runs] = ['rows', 'dim', 'shards', 'runs'].map(name => Number(options[name]))
const MACHINE = `${cpus()[0]?.model.trim()}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`

const spark = installSpark()
Object.assign(process.env, spark.env)
const api = await import('../dist/index.js')
const folder = mkdtempSync(join(options.folder, 'modality-gap-bench-spark-'))
const say = text => process.stderr.write(`${text}\n`)

/** Values of random sign and size as f16, the same for the same seed. */
function block(count, seed) {
  const values = new Uint16Array(count)
  let state = seed >>> 0
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    // a sign, an exponent from 2^-4 to 2^-1, ten bits
    values[i] = ((state >>> 31) << 15) | ((11 + ((state >>> 28) & 3)) << 10) | ((state >>> 18) & 1023)
  }
  return values
}

/** A folder of shards with so many rows each. */
function side(name, counts, seed) {
  const place = join(folder, name)
  mkdirSync(place, { recursive: true })
  const most = Math.min(65_536, Math.max(...counts))
  const values = block(2 * most * dim, seed)
  for (const [i, count] of counts.entries()) {
    const file = openSync(join(place, `${String(i).padStart(4, '0')}.npy`), 'w')
    const text = `{'descr': '<f2', 'fortran_order': False, 'shape': (${count}, ${dim}), }`
    const header = Buffer.alloc(128, ' ')
    header.write('\x93NUMPY\x01\x00', 'latin1')
    header.writeUInt16LE(118, 8)
    header.write(`${text}`, 10, 'latin1')
    header[127] = 10
    writeSync(file, header)
    for (let at = 0; at < count; at += most) {
      // each part begins elsewhere in the block, so that no two are equal
      const first = (Math.imul(i * 977 + at, 7919) >>> 0) % (most * dim)
      writeSync(file, values.subarray(first, first + Math.min(most, count - at) * dim))
    }
    closeSync(file)
  }
  return place
}

const open = async ({ target, source }) => ({
  target: await api.openEmbeddings(target),
  source: await api.openEmbeddings(source),
})

let works = 0

async function fitted(sides, on) {
  const started = performance.now()
  const work = join(folder, `work-${works++}`)
  const aligner = await api.Aligner.fit({ ...sides, ...(on ? { on, work } : { threads: 2 }) })
  const seconds = (performance.now() - started) / 1000
  rmSync(work, { recursive: true, force: true })
  return { seconds, aligner }
}

async function moved(aligner, { source }, on, keep) {
  const out = join(folder, `out-${works++}`)
  const started = performance.now()
  await aligner.transformTo(source, out, { sync: false, ...(on ? { on } : { threads: 2 }) })
  const seconds = (performance.now() - started) / 1000
  if (!keep) rmSync(out, { recursive: true, force: true })
  return { seconds, out }
}

function equal(one, other, what) {
  if (Buffer.compare(one, other) !== 0) throw new Error(`${what}: the bits differ`)
}

const results = []
const report = (work, where, seconds, ratio) => {
  results.push({ work, where, seconds, ratio })
  say(
    `${work.padEnd(10)} ${where.padEnd(28)} ${seconds.toFixed(2).padStart(8)} s${ratio ? `  ${ratio.toFixed(2)}` : ''}`,
  )
}

/** The session and the processes of its executors, started by a small fit. */
async function started(workers, small) {
  const begun = performance.now()
  const cluster = await api.sparkCluster({ workers, python: spark.python })
  const on = api.spark({ master: cluster.master, python: spark.python })
  await fitted(small, on)
  return { on, cluster, seconds: (performance.now() - begun) / 1000 }
}

async function closed({ on, cluster }) {
  await on.close()
  await cluster.close()
}

async function bench() {
  say(`making ${rows} x ${dim} f16 in ${shards} shards, ${((rows * dim * 2) / 1e9).toFixed(1)} GB, in ${folder}`)
  const each = Math.floor(rows / shards)
  const large = await open({
    target: side('images', [each, each], 1),
    source: side('texts', Array(shards).fill(each), 2),
  })
  const small = await open({ target: side('few-images', [1000], 3), source: side('few-texts', [1000], 4) })
  const many = await open({
    target: side('a-few-images', [1000], 3),
    source: side('many-texts', Array(65).fill(1000), 5),
  })
  // the page cache holds them, as far as it can
  const { aligner } = await fitted(large)

  const two = await started(2, small)
  report('start', 'two workers, first fit', two.seconds)
  const of = { fit: { local: [], two: [] }, transform: { local: [], two: [] } }
  for (let run = 0; run < runs; run++) {
    of.fit.local.push((await fitted(large)).seconds)
    const there = await fitted(large, two.on)
    of.fit.two.push(there.seconds)
    equal(there.aligner.toBytes(), aligner.toBytes(), 'fit')
    of.transform.local.push((await moved(aligner, large)).seconds)
    const out = await moved(aligner, large, two.on, true)
    of.transform.two.push(out.seconds)
    rmSync(out.out, { recursive: true, force: true })
  }
  const first = await moved(aligner, small, undefined, true)
  const second = await moved(aligner, small, two.on, true)
  for (const name of readdirSync(first.out).filter(name => name.endsWith('.npy'))) {
    equal(readFileSync(join(first.out, name)), readFileSync(join(second.out, name)), name)
  }
  const times = []
  for (let run = 0; run < runs; run++) {
    times.push({ few: (await fitted(small, two.on)).seconds, many: (await fitted(many, two.on)).seconds })
  }
  await closed(two)
  const one = await started(1, small)
  for (const work of ['fit', 'transform']) {
    const [local, both] = [median(of[work].local), median(of[work].two)]
    report(work, 'here, two threads', local)
    report(work, 'two workers of one core', both, both / local)
    const seconds = []
    for (let run = 0; run < runs; run++) {
      seconds.push((await (work === 'fit' ? fitted(large, one.on) : moved(aligner, large, one.on))).seconds)
    }
    report(work, 'one worker of one core', median(seconds), median(seconds) / both)
  }
  await closed(one)
  const few = median(times.map(({ few }) => few))
  const most = median(times.map(({ many }) => many))
  return { few, most }
}

try {
  const { few, most } = await bench()
  report('fit', '2 tiny shards, two workers', few)
  report('fit', '66 tiny shards, two workers', most)
  if (options.json) {
    const found = { machine: MACHINE, rows, dim, shards, results }
    process.stdout.write(`${JSON.stringify(found, undefined, 1)}\n`)
  } else {
    process.stdout.write(`${MACHINE}\n`)
    console.table(results)
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

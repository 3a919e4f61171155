/** What is measured inside the process: single calls and single passes. */
import { join } from 'node:path'
import { measure } from './child.mjs'

/** Microseconds of one row through the call with a given `out`: median and 99th percentile of single calls, and the median of a plain copy. */
export async function measureRow(dim) {
  const { Aligner, openEmbeddings } = await import('../dist/index.js')
  const rows = (n, phase) => Float32Array.from({ length: n * dim }, (_, i) => Math.sin(i * phase) + (i % dim) / dim)
  const target = await openEmbeddings(rows(64, 1.3), { dim })
  const source = await openEmbeddings(rows(64, 2.1), { dim })
  const aligner = await Aligner.fit({ target, source })
  const row = rows(1, 0.7)
  const out = new Float32Array(dim)
  for (let i = 0; i < 20_000; i++) aligner.transform(row, out)
  const times = new Float64Array(50_000)
  const sorted = work => {
    for (let i = 0; i < times.length; i++) {
      const started = process.hrtime.bigint()
      work()
      times[i] = Number(process.hrtime.bigint() - started) / 1000
    }
    return times.sort()
  }
  const at = (share, all) => all[Math.floor(all.length * share)].toFixed(2)
  const copy = at(
    0.5,
    sorted(() => out.set(row)),
  )
  const all = sorted(() => aligner.transform(row, out))
  return { median: at(0.5, all), p99: at(0.99, all), copy }
}

/** One pass of moments over a folder, in a child process: its seconds, and anonymous memory at its peak and added. */
export async function measureMoments(folder) {
  const { stdout, peak } = await measure(process.execPath, [join(import.meta.dirname, 'moments.mjs'), folder])
  const { seconds, before } = JSON.parse(stdout)
  return { seconds, peak, added: peak === undefined || before === null ? undefined : peak - before }
}

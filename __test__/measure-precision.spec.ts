/** Products of covariances in f32, of many rows, against sums in f64; and rows of which f32 would lose an eigenvalue. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import type { PendingPass } from '../src/distributed.ts'
import { openEmbeddings } from '../src/embeddings.ts'
import { measureGap } from '../src/measure.ts'
import { here } from './helpers/engine.ts'
import { type Golden, near } from './helpers/golden.ts'
import { folderOf } from './helpers/place.ts'
import { someRows } from './helpers/rows.ts'
import { shardedSides } from './helpers/sides.ts'

const DIM = 6
/** From 16,384 on products are in f32. */
const ROWS = 16_640

function unit(row: number[]): number[] {
  const length = Math.hypot(...row)
  return row.map(value => value / length)
}

/** Covariance of the rows with divisor n, about their mean, in f64. */
function covarianceOf(rows: Float32Array): number[][] {
  const each = Array.from({ length: ROWS }, (_, i) => unit([...rows.subarray(i * DIM, (i + 1) * DIM)]))
  const mean = Array.from({ length: DIM }, (_, j) => each.reduce((sum, row) => sum + (row[j] as number), 0) / ROWS)
  return mean.map((a, i) =>
    mean.map((b, j) => {
      let sum = 0
      for (const row of each) sum += ((row[i] as number) - a) * ((row[j] as number) - b)
      return sum / ROWS
    }),
  )
}

/** Eigenvalues in descending order, by Jacobi's rotations, which find small ones to the accuracy of large ones. */
function eigenvalues(symmetric: number[][]): number[] {
  const a = symmetric.map(row => [...row])
  const at = (i: number, j: number) => a[i]?.[j] as number
  for (let sweep = 0; sweep < 30; sweep++) {
    for (let p = 0; p < DIM; p++) {
      for (let q = p + 1; q < DIM; q++) {
        if (at(p, q) === 0) continue
        const theta = (at(q, q) - at(p, p)) / (2 * at(p, q))
        const tangent = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.hypot(theta, 1))
        const cosine = 1 / Math.hypot(tangent, 1)
        const sine = tangent * cosine
        for (let k = 0; k < DIM; k++) {
          const [x, y] = [at(k, p), at(k, q)]
          a[k]?.splice(p, 1, cosine * x - sine * y)
          a[k]?.splice(q, 1, sine * x + cosine * y)
        }
        for (let k = 0; k < DIM; k++) {
          const [x, y] = [at(p, k), at(q, k)]
          a[p]?.splice(k, 1, cosine * x - sine * y)
          a[q]?.splice(k, 1, sine * x + cosine * y)
        }
      }
    }
  }
  return a.map((_, i) => at(i, i)).sort((x, y) => y - x)
}

/** Largest difference of eigenvalues, each as a share of the true one. */
async function largestError(image: Float32Array, text: Float32Array): Promise<number> {
  const report = await measureGap({
    image: await openEmbeddings(image, { dim: DIM }),
    text: await openEmbeddings(text, { dim: DIM }),
    paired: true,
    parts: ['causes'],
  })
  const found = report.spectrum?.image.eigenvalues ?? []
  return Math.max(...eigenvalues(covarianceOf(image)).map((value, i) => Math.abs((found[i] ?? 0) / value - 1)))
}

test('products in f32 change no eigenvalue by what their bound allows, nor by anything near it', async t => {
  const error = await largestError(someRows(ROWS, DIM, 5), someRows(ROWS, DIM, 6))
  // 256 products are summed in f32, whose unit is 6e-8; in f64 the error would be below 1e-12
  t.true(error < 1e-6, `${error}`)
  t.true(error > 1e-12, `${error}: products were not in f32`)
})

test('where f32 would lose an eigenvalue, products are in f64', async t => {
  const image = someRows(ROWS, DIM, 5)
  for (let i = 0; i < ROWS; i++) {
    const row = image.subarray(i * DIM, (i + 1) * DIM)
    // two columns that are nearly the same leave a variance 1e-9 times as large as theirs
    row[1] = (row[0] as number) + 1e-4 * (row[1] as number)
  }
  const error = await largestError(image, someRows(ROWS, DIM, 6))
  t.true(error < 1e-6, `${error}`)
})

/** ‖Σxz‖²/(‖Σx‖‖Σz‖) of unit rows, in f64. */
function ckaOf(image: Float32Array, text: Float32Array): number {
  const sides = [image, text].map(rows => {
    const each = Array.from({ length: ROWS }, (_, i) => unit([...rows.subarray(i * DIM, (i + 1) * DIM)]))
    const mean = Array.from({ length: DIM }, (_, j) => each.reduce((sum, row) => sum + (row[j] as number), 0) / ROWS)
    return each.map(row => row.map((value, j) => value - (mean[j] as number)))
  }) as [number[][], number[][]]
  const square = (a: number[][], b: number[][]) => {
    let sum = 0
    for (let i = 0; i < DIM; i++) {
      for (let j = 0; j < DIM; j++) {
        const entry = a.reduce((total, row, k) => total + (row[i] as number) * (b[k]?.[j] as number), 0)
        sum += entry * entry
      }
    }
    return sum
  }
  const [x, z] = sides
  return square(x, z) / Math.sqrt(square(x, x) * square(z, z))
}

for (const [what, alike] of [
  ['partners of their own', false],
  ['partners that hardly differ, whose products cancel', true],
] as const) {
  test(`what follows from other products is what is counted by itself: ${what}`, async t => {
    const image = someRows(ROWS, DIM, 5)
    const other = someRows(ROWS, DIM, 6)
    const text = alike ? image.map((value, i) => value + 1e-4 * (other[i] as number)) : other
    const sides = {
      image: await openEmbeddings(image, { dim: DIM }),
      text: await openEmbeddings(text, { dim: DIM }),
      paired: true,
    }
    const [both, causes] = [
      await measureGap({ ...sides, parts: ['causes', 'similarity'] }),
      await measureGap({ ...sides, parts: ['causes'] }),
    ]
    const alone = await measureGap({ ...sides, parts: ['similarity'] })
    const [found, expected] = [both.residual, causes.residual]
    // traces are never from products; a sum of squares of products is
    t.is(found?.trace, expected?.trace)
    near(t, both.gap.interval, causes.gap.interval as Golden, { relative: 1e-6, absolute: 0 }, 'interval')
    near(
      t,
      alone.gap.interval,
      causes.gap.interval as Golden,
      { relative: 1e-6, absolute: 0 },
      'interval without causes',
    )
    near(t, found?.coverageBiased, expected?.coverageBiased as number, { relative: 1e-5, absolute: 0 }, 'coverage')
    for (const { similarity } of [both, alone]) {
      near(t, similarity?.ckaBiased, ckaOf(image, text), { relative: 1e-6, absolute: 0 }, 'CKA')
    }
  })
}

/** Precisions that the states of covariances in a folder name. */
function precisionsOf(work: string): Set<string> {
  const files = readdirSync(work, { recursive: true, encoding: 'utf8' }).filter(name => name.includes('quarter0'))
  return new Set(
    files.map(name => /"precision\\?":\\?"(\w+)/.exec(readFileSync(join(work, name), 'latin1'))?.[1] ?? ''),
  )
}

test('shards that are counted elsewhere have the precision and the bits of a local run', async t => {
  const folder = folderOf(t)
  const { target, source } = shardedSides(folder, { shards: [9000, 1, ROWS - 9001], dim: DIM, seeds: [1, 11] })
  const sides = { image: await openEmbeddings(target), text: await openEmbeddings(source) }
  for (const [parts, precision] of [
    [['causes'], 'single'],
    [[], undefined],
  ] as const) {
    const seen: PendingPass[] = []
    const local = await measureGap({ ...sides, parts })
    const work = join(folder, `work-${parts.length}`)
    t.deepEqual(await measureGap({ ...sides, parts, work, on: here(seen) }), local)
    t.deepEqual([...precisionsOf(work)], precision ? [precision] : [])
    t.is(seen.filter(({ stage }) => stage.startsWith('covariance')).length, precision ? 2 : 0)
  }
})

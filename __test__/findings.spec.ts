import test from 'ava'
import type { TrackRecord } from '../src/results.ts'
import { findings } from '../src/tracker/findings.ts'
import { golden } from './helpers/track.ts'

const LAST = golden.records.at(-1) as TrackRecord

/** A run of three steps, the first before the freezing, changed by `change`. */
function run(change: (record: TrackRecord, i: number) => void): TrackRecord[] {
  return [0, 20, 40].map((step, i) => {
    const record = structuredClone(LAST)
    record.step = step
    record.frame = { ...record.frame, frozen: i > 0, step: i > 0 ? 20 : 0 }
    change(record, i)
    return record
  })
}

const finding = (records: readonly TrackRecord[], id: string) => findings(records).find(found => found.id === id)

test('a claim holds when every step meets it, and its baseline does not', t => {
  const records = run((record, i) => {
    record.u.kappa = i === 0 ? 5 : 4000 + i
    record.u.isotropic.kappa = 2
  })
  t.like(finding(records, 'u-anisotropic'), { measured: 4001, baseline: 2, met: 1, holds: true })
  ;(records[2] as TrackRecord).u.kappa = 900
  t.like(finding(records, 'u-anisotropic'), { measured: 900, met: 1 / 2, holds: false })
})

test('a gap persists where every step tells it from noise, not where it is larger than its floor', t => {
  const real = run(record => {
    record.gap = { ...record.gap, centroid: 0.5, floor: 0.1, verdict: 'real' }
  })
  t.like(finding(real, 'gap-persists'), { measured: 0.5, baseline: 0.1, met: 1, holds: true })
  for (const doubt of [
    { verdict: 'noise' as const },
    // records of older logs have an interval in place of a verdict
    { verdict: undefined, interval: [-0.01, 0.3] as [number, number] },
  ]) {
    const records = run((record, i) => {
      record.gap = { ...record.gap, centroid: 0.5, floor: 0.1, verdict: 'real', ...(i === 2 ? doubt : {}) }
    })
    t.like(finding(records, 'gap-persists'), { met: 1 / 2, holds: false }, JSON.stringify(doubt))
  }
  const untested = (verdicts: readonly ('real' | 'noise' | 'not-tested')[]) =>
    finding(
      run((record, i) => {
        record.gap = { ...record.gap, centroid: 0.5, floor: 0.1, verdict: verdicts[i] as 'real' }
      }),
      'gap-persists',
    )
  t.like(untested(['real', 'real', 'not-tested']), { measured: 0.5, met: 1, holds: null })
  t.regex(untested(['real', 'real', 'not-tested'])?.how ?? '', /not tested at 1 of 2 steps/)
  t.like(untested(['real', 'noise', 'not-tested']), { met: 0, holds: false })
  t.like(untested(['real', 'not-tested', 'not-tested']), { met: null, holds: null })
  const old = run(record => {
    record.gap = { ...record.gap, centroid: 0.5, floor: 0.1, verdict: undefined, interval: [0.01, 0.3] }
  })
  t.is(finding(old, 'gap-persists')?.holds, true)
})

test('a claim that its baseline meets as well is null', t => {
  const wide = run(record => {
    record.v.angle = 89
    record.v.randomAngle = { p05: 84, p50: 88, p95: 89.9 }
  })
  t.like(finding(wide, 'v-orthogonal'), { measured: 89, baseline: 88, holds: null })
  const narrow = run(record => {
    record.v.angle = 89
    record.v.randomAngle = { p05: 40, p50: 70, p95: 88 }
  })
  t.is(finding(narrow, 'v-orthogonal')?.holds, true)
  const saturated = run(record => {
    record.rotation = { sinTheta: 1, rmsSine: 0.2, rmsAngle: 12, random: 0.8 }
    record.leakage = { leak: 0.3, random: 0.9, mixture: 0.8, bound: 1.4, remainder: -1.1 }
  })
  t.is(finding(saturated, 'leakage-under-rotation')?.holds, null, 'random mixtures of the batch leak less than 1 too')
  t.like(finding(saturated, 'leakage-under-mean-rotation'), { holds: false })
  t.is(finding(saturated, 'leakage-bound')?.holds, null)
  t.is(finding(saturated, 'leakage-below-chance')?.holds, true)
})

test('gradients that leak as random mixtures of the batch do avoid nothing', t => {
  const mixed = run(record => {
    record.leakage = { leak: 0.3, random: 0.9, mixture: 0.2 }
  })
  t.is(finding(mixed, 'leakage-below-chance')?.holds, false)
  const shapes = run(record => {
    record.u.gradient = {
      ...(record.u.gradient as object),
      rhoEig: 0.97,
      mixtureRhoEig: 0.98,
    } as typeof record.u.gradient
  })
  t.is(finding(shapes, 'u-follows-gradients')?.holds, null, 'two spectra that fall')
})

test('directions in V are concentrated when their mean is long, however many there are', t => {
  const records = run((record, i) => {
    record.pairs = 400
    record.v.resultant = 0.6 + i / 10
  })
  t.like(finding(records, 'v-concentrated'), { measured: 0.7, baseline: 0.05, holds: true })
  ;(records[1] as TrackRecord).v.resultant = 0.3
  t.is(finding(records, 'v-concentrated')?.holds, false)
  const few = run(record => {
    record.pairs = 3 * record.dim
    record.v.resultant = 0.9
  })
  t.like(finding(few, 'v-concentrated'), { measured: null, holds: null }, 'V is what these pairs lack')
})

test('what was not recorded cannot be decided', t => {
  const bare = run(record => {
    record.leakage = undefined
    record.u.gradient = undefined
    record.span = undefined
    record.step += 1000
  })
  for (const id of ['leakage-below-chance', 'u-follows-gradients', 'gradients-in-span', 'gap-at-initialisation']) {
    t.like(finding(bare, id), { measured: null, holds: null }, id)
  }
  t.true(findings([]).every(({ holds, measured }) => holds === null && measured === null))
})

test('the steps a claim is about are those after the freezing, and t0 itself has not turned', t => {
  const records = run((record, i) => {
    record.passive = i < 2 ? { stepCosine: 0.1 } : { stepCosine: 0.999, drift: 0.3 }
    record.active = i < 2 ? { stepCosine: 0.1 } : { stepCosine: 0.9, drift: 0.05 }
  })
  t.like(finding(records, 'passive-steady'), { measured: 0.999, baseline: 0.9, holds: true })
  t.like(finding(records, 'passive-drifts'), { measured: 0.3, baseline: 0.05, holds: true })
})

test('every claim is named once, and the golden run is judged by all of them', t => {
  const all = findings(golden.records)
  t.is(new Set(all.map(({ id }) => id)).size, all.length)
  t.true(all.every(({ claim, how }) => claim.length > 10 && how.length > 10))
  const judged = Object.fromEntries(all.map(({ id, holds }) => [id, holds]))
  t.is(judged['gap-at-initialisation'], true)
  t.is(judged['gradients-in-span'], false, 'its gradients are random')
  t.is(judged['u-anisotropic'], false, '80 pairs in 9 dimensions spread too evenly')
})

import { listOf, number, record, whole } from '../checks.ts'
import type { TrackRecord } from '../results.ts'
import { verdictOf } from '../sentences.ts'

/** What a run says about a claim of the paper. */
export interface TrackFinding {
  /** Stable name. */
  id: string
  /** The claim, in a sentence. */
  claim: string
  /** What was measured: the least favourable step, unless `how` says otherwise. */
  measured: number | null
  /** The same number by chance or of the control. */
  baseline: number | null
  /** Share of the steps that meet the claim, of those that could be judged; null when there is none. */
  met: number | null
  /** Whether it holds at every step; null when the baseline meets it as well, or when there is nothing to decide it on. */
  holds: boolean | null
  /** How it was decided. */
  how: string
}

type Value = number | null | undefined

/** A claim about single steps. */
interface Claim {
  id: string
  claim: string
  how: string
  /** Which end of the values is the least favourable. */
  worst: 'smallest' | 'largest'
  /** Steps it is about; those after the freezing by default. */
  of?: (records: readonly TrackRecord[]) => readonly TrackRecord[]
  value: (record: TrackRecord) => Value
  baseline: (record: TrackRecord) => Value
  /** The most favourable value that the baseline may take by chance; the baseline itself by default. */
  lenient?: (record: TrackRecord) => Value
  /** Whether a value, the measured one or the baseline's, meets the claim at this step. */
  meets: (value: number, record: TrackRecord) => boolean
  /** Whether a step can be judged; every one by default. */
  judged?: (record: TrackRecord) => boolean
}

/** Level at which small steps are called steady. */
const STEADY = 0.99
/** Noise of a mean that a drift has to exceed, in standard deviations. */
const NOISE = 2
/** Cosine from which a direction is called predicted. */
const PREDICTED = 0.9
/** Share of the leakage of random mixtures that is below it beyond chance: three of its standard deviations in batches of 64. */
const BELOW = 0.9
/** How far the correlations of random mixtures may differ from what their covariance says. */
const NEAR = 0.05
/** Length of a mean of unit directions from which they are called concentrated. */
const CONCENTRATED = 0.5
/** Items for each column from which V is more than what the pairs lack. */
const ITEMS_PER_COLUMN = 4

const itemsOf = ({ groups, pairs }: TrackRecord) => groups?.items ?? pairs
/** A gap is not tested where there are fewer than about ten independent pairs. */
const tested = ({ gap }: TrackRecord) => verdictOf({ gap }) !== 'not-tested'
const frozen = (records: readonly TrackRecord[]) => records.filter(({ frame }) => frame.frozen)
const turned = (records: readonly TrackRecord[]) => frozen(records).filter(({ step, frame }) => step > frame.step)

const CLAIMS: readonly Claim[] = [
  {
    id: 'gap-at-initialisation',
    claim: 'The means of the modalities differ before training',
    how: 'the gap at step 0 beside its noise floor; holds when it exceeds what 95 % of samples without a gap show',
    worst: 'smallest',
    of: records => records.filter(({ step }) => step === 0),
    value: ({ gap }) => gap.centroid,
    baseline: ({ gap }) => gap.floor,
    meets: (value, { gap }) => value > gap.floor && verdictOf({ gap }) === 'real',
    judged: tested,
  },
  {
    id: 'gap-persists',
    claim: 'The gap stays open during training',
    how: 'smallest gap after t0 beside the noise floor there; holds when at every step it exceeds what 95 % of samples without a gap show',
    worst: 'smallest',
    value: ({ gap }) => gap.centroid,
    baseline: ({ gap }) => gap.floor,
    meets: (value, { gap }) => value > gap.floor && verdictOf({ gap }) === 'real',
    judged: tested,
  },
  {
    id: 'leakage-below-chance',
    claim: 'Gradients avoid V: they leak less than random mixtures of the batch do',
    how: `largest leak(t) after t0; baseline: sqrt(tr(P_VΣ)/trΣ) of the batch, for a gradient is a mixture of its rows whose weights add up to zero; holds below ${BELOW} of it, for random mixtures vary`,
    worst: 'largest',
    value: ({ leakage }) => leakage?.leak,
    baseline: ({ leakage }) => leakage?.mixture,
    meets: (value, { leakage }) => value < BELOW * (leakage?.mixture ?? 0),
  },
  {
    id: 'leakage-under-rotation',
    claim: 'Leakage stays below the rotation of the frame, sinθ(Ut,U)',
    how: 'largest leak(t) − sinθ after t0; baseline: the same for random mixtures of the batch',
    worst: 'largest',
    of: turned,
    value: ({ leakage, rotation }) => difference(leakage?.leak, rotation?.sinTheta),
    baseline: ({ leakage, rotation }) => difference(leakage?.mixture, rotation?.sinTheta),
    lenient: ({ leakage, rotation }) => difference(least(leakage?.mixture), rotation?.sinTheta),
    meets: value => value <= 0,
  },
  {
    id: 'leakage-under-mean-rotation',
    claim: 'Leakage stays below the root mean square of the principal sines, which one turned direction cannot fill',
    how: 'largest leak(t) − RMS sine after t0; baseline: the same for random mixtures of the batch',
    worst: 'largest',
    of: turned,
    value: ({ leakage, rotation }) => difference(leakage?.leak, rotation?.rmsSine),
    baseline: ({ leakage, rotation }) => difference(leakage?.mixture, rotation?.rmsSine),
    lenient: ({ leakage, rotation }) => difference(least(leakage?.mixture), rotation?.rmsSine),
    meets: value => value <= 0,
  },
  {
    id: 'leakage-bound',
    claim: 'Leakage stays below sinθ(Ut,U) + ‖L‖₂ without a remainder',
    how: 'largest remainder leak(t) − sinθ − ‖L‖₂ after t0; baseline: the same for random mixtures of the batch',
    worst: 'largest',
    of: turned,
    value: ({ leakage }) => leakage?.remainder,
    baseline: ({ leakage }) => difference(leakage?.mixture, leakage?.bound),
    lenient: ({ leakage }) => difference(least(leakage?.mixture), leakage?.bound),
    meets: value => value <= 0,
  },
  {
    id: 'passive-steady',
    claim: `The bias in V hardly turns between recorded steps: cos(γ(t), γ(t−1)) ≥ ${STEADY}`,
    how: 'smallest cosine after t0; baseline: the same of the bias in U, β',
    worst: 'smallest',
    of: turned,
    value: ({ passive }) => passive.stepCosine,
    baseline: ({ active }) => active.stepCosine,
    meets: value => value >= STEADY,
  },
  {
    id: 'passive-drifts',
    claim: 'The bias in V drifts over the run all the same, by more than a tenth of its length',
    how: 'drift(t) at the last step; baseline: the same of β',
    worst: 'largest',
    of: records => turned(records).slice(-1),
    value: ({ passive }) => passive.drift,
    baseline: ({ active }) => active.drift,
    meets: value => value > 0.1,
  },
  {
    id: 'u-anisotropic',
    claim: 'Residuals in U are extremely anisotropic: κ(Σ_U) > 1000',
    how: 'smallest κ(Σ_U) after t0; baseline: an isotropic sample of as many pairs, of as many items',
    worst: 'smallest',
    value: ({ u }) => u.kappa,
    baseline: ({ u }) => u.isotropic.kappa,
    meets: value => value > 1e3,
  },
  {
    id: 'u-follows-gradients',
    claim: 'The spectrum of Σ_U is that of the gradients: ρ_eig ≥ 0.9',
    how: 'smallest ρ_eig after t0; baseline: ρ_eig with random mixtures of the batch in the gradients’ place, for any two spectra that fall correlate',
    worst: 'smallest',
    value: ({ u }) => u.gradient?.rhoEig,
    baseline: ({ u }) => u.gradient?.mixtureRhoEig,
    lenient: ({ u }) => difference(u.gradient?.mixtureRhoEig, -NEAR),
    meets: value => value >= 0.9,
  },
  {
    id: 'u-shares-axes',
    claim: 'Residuals and gradients spread along the same axes of the frame',
    how: 'smallest correlation of the diagonals after t0, above what unrelated diagonals exceed in one of forty cases; baseline: the same with random mixtures of the batch in the gradients’ place',
    worst: 'smallest',
    value: ({ u }) => u.gradient?.diagonal,
    baseline: ({ u }) => u.gradient?.mixtureDiagonal,
    lenient: ({ u }) => difference(u.gradient?.mixtureDiagonal, -NEAR),
    meets: (value, { u }) => value > (u.gradient?.chance ?? 1),
  },
  {
    id: 'v-anisotropic',
    claim: 'Residuals in V are anisotropic: κ(Σ_V) > 10',
    how: 'smallest κ(Σ_V) after t0; baseline: an isotropic sample of as many pairs, of as many items',
    worst: 'smallest',
    value: ({ v }) => v.kappa,
    baseline: ({ v }) => v.isotropic.kappa,
    meets: value => value > 10,
  },
  {
    id: 'v-orthogonal',
    claim: 'γ stands at right angles to the leading residual in V, by 80° or more',
    how: 'smallest angle after t0; baseline: the median angle of a random direction in V',
    worst: 'smallest',
    value: ({ v }) => v.angle,
    baseline: ({ v }) => v.randomAngle.p50,
    meets: value => value >= 80,
  },
  {
    id: 'v-concentrated',
    claim: `The pairs' directions in V are concentrated: their mean has a length above ${CONCENTRATED}`,
    how: 'smallest length of the mean direction after t0, without what sampling adds; baseline: that of as many directions spread evenly; null below four items a column, for then V is what the pairs lack, and all of them are alike in it',
    worst: 'smallest',
    value: record => (itemsOf(record) >= ITEMS_PER_COLUMN * record.dim ? record.v.resultant : undefined),
    baseline: record => 1 / Math.sqrt(itemsOf(record)),
    meets: value => value > CONCENTRATED,
  },
  {
    id: 'sphere-moves-the-mean',
    claim: 'The projection onto the sphere moves the mean of an aligned cloud sideways',
    how: `smallest tangential phantom drift; holds above ${NOISE} times the baseline, the tangential drift that sampling gives`,
    worst: 'smallest',
    of: records => records,
    value: ({ phantomDrift }) => phantomDrift.tangential,
    baseline: ({ phantomDrift }) => phantomDrift.noise,
    meets: (value, { phantomDrift }) => value > NOISE * (phantomDrift.noise ?? Number.POSITIVE_INFINITY),
  },
  {
    id: 'phantom-drift-predicted',
    claim: `The gap drives the drift: −Σ·c, with c = μx − s·μy, predicts where the sphere moves the mean: cosine ≥ ${PREDICTED}`,
    how: 'smallest cosine of measured and predicted tangential drift; baseline: what random directions exceed in one of forty cases',
    worst: 'smallest',
    of: records => records.filter(({ phantomDrift }) => phantomDrift.parameter !== undefined),
    value: ({ phantomDrift }) => phantomDrift.cosine,
    baseline: ({ dim }) => 1.96 / Math.sqrt(dim - 1),
    meets: value => value >= PREDICTED,
  },
  {
    id: 'gradients-in-span',
    claim: 'Gradients lie in the span of the batch, up to rounding',
    how: 'largest share of a gradient outside it, below 1e-4; baseline: sqrt(1 − dim/d) of a random vector',
    worst: 'largest',
    of: records => records,
    value: ({ span }) => span?.residual,
    baseline: ({ span }) => span?.random,
    meets: value => value < 1e-4,
  },
]

/** Records of a tracker, recognised by what every one has. */
const trackRecords = listOf(record({ step: whole(), gap: record({ centroid: number() }) }), 'records of a tracker')

/**
 * What a run says about each claim of arXiv 2602.07026, beside its baseline: a claim that its baseline meets as well is
 * null, for then it says nothing about this run.
 *
 * @param records those of a tracker or of its log, in order
 */
export function findings(records: readonly TrackRecord[]): TrackFinding[] {
  trackRecords(records, 'findings')
  return CLAIMS.map(claim => decided(claim, records))
}

function decided(
  { id, claim, how, worst, of = frozen, value, baseline, lenient = baseline, meets, judged = () => true }: Claim,
  all: readonly TrackRecord[],
): TrackFinding {
  const steps = of(all).flatMap(record => {
    const [own, other] = [value(record), baseline(record)]
    return isNumber(own) && isNumber(other) ? [{ record, own, other }] : []
  })
  const least = worstOf(steps, worst)
  if (!least) {
    return {
      id,
      claim,
      measured: null,
      baseline: null,
      met: null,
      holds: null,
      how: `${how}; not recorded in this run`,
    }
  }
  const known = steps.filter(({ record }) => judged(record))
  const met = known.length === 0 ? null : known.filter(({ own, record }) => meets(own, record)).length / known.length
  if (known.length < steps.length) {
    const left = `${how}; not tested at ${steps.length - known.length} of ${steps.length} steps`
    const holds = met === null || met === 1 ? null : false
    return { id, claim, measured: least.own, baseline: least.other, met, holds, how: left }
  }
  const holds = met === 1
  const trivial = steps.every(({ other, record }) => meets(lenient(record) ?? other, record))
  return { id, claim, measured: least.own, baseline: least.other, met, holds: holds && trivial ? null : holds, how }
}

function worstOf<T extends { own: number }>(steps: readonly T[], worst: Claim['worst']): T | undefined {
  const sign = worst === 'smallest' ? 1 : -1
  return steps.reduce<T | undefined>((a, b) => (a && sign * a.own <= sign * b.own ? a : b), undefined)
}

/** The least leakage that random mixtures show by chance, from its mean. */
function least(mixture: Value): Value {
  return isNumber(mixture) ? BELOW * mixture : undefined
}

function difference(a: Value, b: Value): Value {
  return isNumber(a) && isNumber(b) ? a - b : undefined
}

function isNumber(value: Value): value is number {
  return typeof value === 'number'
}

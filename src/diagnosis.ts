import type { EmbeddingsInfo, Finding, FindingLevel, FitReport, GapReport, ImageText, ShardInfo } from './results.ts'
import { verdictOf } from './sentences.ts'

/** Lengths further from one than this are not rounding of any storage type. */
const UNIT = 0.01
/** Components of f16 end at 65,504; a row this long is close to that or has lost components to it. */
const LONG_FOR_F16 = 6e4
/** Share of rows with a double from which statistics suffer. */
const MANY_DOUBLES = 0.01
/** Share of a row's energy that lies in the mean, above which one component dominates. */
const DOMINATED = 0.7
/** Rows per column below which covariances are guesses. */
const ROWS_PER_COLUMN = 10
/** Scales beyond these, or below their inverse, mean that the spreads differ in kind. */
const FAR_SCALE = 2

/** Standard deviations that a normal variable is below its mean by in one of two hundred samples. */
const NEARER = 2.576

const ORDER: Record<FindingLevel, number> = { problem: 0, warning: 1, note: 2 }

const SIDES = ['image', 'text'] as const

type Measured = Omit<GapReport, 'diagnosis'>
/** Where rows come from. */
interface Origin {
  dtype: EmbeddingsInfo['dtype']
  shards: readonly ShardInfo[]
}

type Check = (report: Measured, sides: ImageText<Origin>) => Finding | undefined

/** What a measurement says in plain words; the gravest findings come first. */
export function diagnose(report: Measured, sides: ImageText<Origin>): Finding[] {
  const found = CHECKS.map(check => check(report, sides)).filter(finding => finding !== undefined)
  return sorted(found)
}

const swapped: Check = ({ alignerFit }, { image, text }) => {
  if (alignerFit) {
    const { toSource, toTarget } = alignerFit.text
    return toTarget < toSource && alignerFit.image.toSource < alignerFit.image.toTarget
      ? {
          code: 'modalities-swapped',
          level: 'problem',
          text: 'Image and text seem to have been exchanged: each lies where the aligner knows the other.',
          evidence: `the text's mean is ${shown(toTarget)} from the images of the fit and ${shown(toSource)} from its texts`,
          advice: 'exchange the two sources',
        }
      : undefined
  }
  const named = (info: Origin, words: RegExp) =>
    info.shards.length > 0 && info.shards.every(shard => words.test(`${shard.path}#${shard.selector}`.toLowerCase()))
  const [texts, images] = [/text|txt|caption/, /image|img|vision|visual/]
  const crossed = named(image, texts) && !named(image, images) && named(text, images) && !named(text, texts)
  return crossed
    ? {
        code: 'modalities-swapped',
        level: 'warning',
        text: 'Image and text may have been exchanged: the file names say so.',
        evidence: `images from ${image.shards[0]?.path}, texts from ${text.shards[0]?.path}`,
        advice: 'look at the names, and exchange the two sources if they are right',
      }
    : undefined
}

const misaligned: Check = ({ retrieval, rows, groups }) => {
  // of rows that belong together one may find its partner as the others do
  const independent = groups?.both ?? rows.image
  if (!retrieval || independent < 50) {
    return undefined
  }
  const beyondNoise = (found: number, chance: number) =>
    found - chance > 3 * Math.sqrt((chance * (1 - chance)) / independent)
  const { textToImage, imageToText, chance } = retrieval
  const pairsAreNear =
    beyondNoise(textToImage.r10, chance.textToImage.r10) || beyondNoise(imageToText.r10, chance.imageToText.r10)
  return !pairsAreNear
    ? {
        code: 'rows-misaligned',
        level: 'problem',
        text: 'Pairs are no nearer to each other than strangers: row i of one side does not belong to row i of the other.',
        evidence: `the partner is among the first ten in ${bothWays(textToImage, imageToText)}, by chance in ${bothWays(chance.textToImage, chance.imageToText)}`,
        advice: 'check the order of the rows and of the shards; without pairs, leave `paired` out',
      }
    : undefined
}

const overflow: Check = ({ norms }, sides) => {
  const long = (['image', 'text'] as const).filter(
    side => sides[side].dtype === 'f16' && norms[side].max > LONG_FOR_F16,
  )
  return long.length > 0
    ? {
        code: 'f16-overflow',
        level: 'problem',
        text: `Rows of the ${long.join(' and the ')} side are so long that half precision cannot hold their components.`,
        evidence: long.map(side => `longest ${side} row ${shown(norms[side].max)}, largest f16 65504`).join('; '),
        advice: 'scale rows to unit length before they are stored as f16, or store f32',
      }
    : undefined
}

const notUnit: Check = ({ norms }) => {
  const off = (['image', 'text'] as const).filter(side => norms[side].min < 1 - UNIT || norms[side].max > 1 + UNIT)
  return off.length > 0
    ? {
        code: 'rows-not-unit',
        level: 'note',
        text: `Rows of the ${off.join(' and the ')} side are not of unit length; they were scaled for every number here.`,
        evidence: off.map(side => `${side}: ${shown(norms[side].min)} to ${shown(norms[side].max)}`).join('; '),
        advice: 'scale rows before comparing them by dot product elsewhere',
      }
    : undefined
}

const doubles: Check = ({ neighbours, groups, rows }) => {
  if (groups?.by === 'equal-rows') {
    const many = SIDES.filter(side => groups[side] < rows[side])
    return many.length > 0
      ? {
          code: 'duplicates',
          level: 'warning',
          text: `Rows of the ${many.join(' and the ')} side occur more than once, equal bit for bit; noise, hold-outs and ranks are those of different rows.`,
          evidence: many.map(side => `${rows[side]} ${side} rows, ${groups[side]} different items`).join('; '),
          advice:
            'say which rows belong together: --image-ids and --text-ids, or --captions-per-image (ids, captionsPerImage in the API); then each image counts once and all its captions are its partners',
        }
      : undefined
  }
  const share = neighbours?.duplicates
  const many = share && SIDES.filter(side => share[side] > MANY_DOUBLES)
  return many && many.length > 0
    ? {
        code: 'duplicates',
        level: 'warning',
        text: `Many rows of the ${many.join(' and the ')} side occur more than once.`,
        evidence: many.map(side => `${percent(share[side])} of the ${side} rows have a double`).join('; '),
        advice: 'drop repeated rows, or give ids: neighbours, retrieval and intervals count them as independent',
      }
    : undefined
}

const dominated: Check = ({ trace, spectrum }) => {
  for (const side of ['image', 'text'] as const) {
    const inMean = 1 - trace[side]
    const values = spectrum?.[side].eigenvalues ?? []
    const leading = (values[0] ?? 0) / Math.max(trace[side], Number.MIN_VALUE)
    if (inMean > DOMINATED || leading > 1 / 2) {
      const what = inMean > DOMINATED ? 'their mean' : 'a single direction'
      return {
        code: 'shared-component',
        level: 'warning',
        text: `The ${side} rows are mostly alike: ${what} holds most of their energy.`,
        evidence: `mean ${percent(inMean)} of the energy, first eigenvalue ${percent(leading)} of the variance`,
        advice: 'cosines between such rows say little; compare after centring',
      }
    }
  }
  return undefined
}

const few: Check = ({ rows, dim, groups }) => {
  const least = Math.min(...SIDES.map(side => groups?.[side] ?? rows[side]))
  const what = groups ? 'independent rows' : 'rows'
  return least < ROWS_PER_COLUMN * dim
    ? {
        code: 'few-rows',
        level: least < dim ? 'warning' : 'note',
        text:
          least < dim
            ? 'There are fewer rows than columns: covariances are singular, and what rests on them describes this sample only.'
            : 'There are few rows for this many columns: the tails of the spectra are noise.',
        evidence: `${least} ${what}, ${dim} columns`,
        advice: `read the gap with its interval, means, traces, CKA, participation ratio, effective dimension, covariance shape and R² beyond strangers; numbers named Biased, ranks, ‖L‖ and R² of the coupling, the angle to the leading residual, energy shares and anisotropy of the differences are of these rows: compare them with chance, two halves or others of as many rows below ${ROWS_PER_COLUMN * dim} rows; effective ranks, power laws, condition numbers, log spectra, overlaps, Fréchet distances and Jensen–Shannon divergences of the population are null where they change too much with the number of rows (needs says from which number on); share in the frame, coverage and vMF concentration are null below ${ROWS_PER_COLUMN * dim} rows, and where the frame turns too much with its rows (rowsNeeded says from which number on)`,
      }
    : undefined
}

const inSample: Check = report =>
  report.inSample && {
    code: 'in-sample',
    level: 'note',
    text: 'The aligner was fitted on these very rows, so its gap is small by construction and has no interval.',
    evidence: `gap ${shown(report.gap.centroid)}, floor ${shown(report.gap.floor)}`,
    advice: 'hold rows out (`holdout`) and measure there',
  }

const belowFloor: Check = report => {
  const verdict = verdictOf(report)
  const { gap } = report
  return verdict === 'noise' || (verdict === 'not-tested' && gap.centroid <= gap.floor)
    ? {
        code: 'below-floor',
        level: 'note',
        text: 'The gap cannot be distinguished from noise: two samples of one distribution would be as far apart.',
        evidence: `gap ${shown(gap.centroid)}, floor ${shown(gap.floor)}`,
        advice: 'do not rank methods by such gaps; take more rows to see smaller ones',
      }
    : undefined
}

/**
 * Nearer than one in two hundred pairs of independent samples: ‖m̂‖² over its mean as a chi-square over its degrees of freedom, by the
 * cube root of Wilson and Hilferty 1931.
 */
const related: Check = ({ gap, groups, inSample }) => {
  const { centroid, floor, nullDeviation, pairedDistance } = gap
  if (pairedDistance !== undefined || inSample || !nullDeviation) {
    return undefined
  }
  const spread = (nullDeviation / floor ** 2) ** 2 / 9
  const steps = ((centroid / floor) ** (2 / 3) - (1 - spread)) / Math.sqrt(spread)
  return steps < -NEARER
    ? {
        code: 'sides-related',
        level: 'warning',
        text: 'The means are nearer than those of independent samples would be: rows of the two sides seem to belong together.',
        evidence: `gap ${shown(centroid)}, floor ${shown(floor)}`,
        advice: groups
          ? 'give the ids of both sides, or the number of captions for each image, so that the noise floor is that of related rows'
          : 'say so (`paired`, ids, or the number of captions for each image), so that the noise floor is that of related rows',
      }
    : undefined
}

const farScale: Check = ({ scale }) =>
  scale > FAR_SCALE || scale < 1 / FAR_SCALE
    ? {
        code: 'scale-far-from-one',
        level: 'warning',
        text: 'One modality spreads far more than the other.',
        evidence: `scale ${shown(scale)}, image to text`,
        advice: 'check that both sides come from one encoder and that neither is nearly constant',
      }
    : undefined

/** What a fit says of its rows by itself; the sides are image (target) and text (source) by their own names. */
export function diagnoseFit(
  report: Omit<FitReport, 'diagnosis'>,
  [target, source]: readonly [string, string],
  sides: ImageText<Origin>,
): Finding[] {
  const of = <T>(values: Record<string, T>) => ({ image: values[target] as T, text: values[source] as T })
  const { dim, scale, gap } = report
  const measured = { dim, scale, rows: of(report.rows), norms: of(report.norms), trace: of(report.trace) } as Measured
  const named = (text: string) => text.replace(/\b(image|text)\b/g, side => (side === 'image' ? target : source))
  const found = [overflow, notUnit, dominated, few, farScale].flatMap(check => check(measured, sides) ?? [])
  if (!gap.held) {
    found.push({
      code: 'in-sample',
      level: 'note',
      text: 'The gap was measured on the rows of the fit, where it always ends below the floor.',
      evidence: `floor ${shown(gap.floor)}`,
      advice: 'hold rows out (`holdout`) to learn what it is on others',
    })
  }
  const words = found.map(finding => ({ ...finding, text: named(finding.text), evidence: named(finding.evidence) }))
  return sorted(words)
}

/** Findings of several reports on the same rows, each once, the gravest first. */
export function joinedFindings(...reports: readonly (readonly Finding[])[]): Finding[] {
  const byCode = new Map<string, Finding>()
  for (const finding of reports.flat()) {
    byCode.set(finding.code, byCode.get(finding.code) ?? finding)
  }
  return sorted([...byCode.values()])
}

function sorted(found: Finding[]): Finding[] {
  return found.sort((a, b) => ORDER[a.level] - ORDER[b.level])
}

const CHECKS: readonly Check[] = [
  swapped,
  misaligned,
  overflow,
  notUnit,
  doubles,
  dominated,
  few,
  inSample,
  belowFloor,
  related,
  farScale,
]

function shown(value: number): string {
  return value.toPrecision(3)
}

/** Of texts that ask, and of images. */
function bothWays(text: { r10: number }, image: { r10: number }): string {
  return `${percent(text.r10)} and ${percent(image.r10)}`
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}

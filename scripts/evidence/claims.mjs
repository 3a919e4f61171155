/**
 * The geometric claims of arXiv 2602.07026 (section 5 and appendices D to F) that strategies on one set of pairs can decide.
 * `of` takes numbers from the reports, `holds` says whether they agree with the claim; no constant here was fitted to them.
 * The paper does not state the σ of its C3: claims about it are looked at with C3's own σ = sqrt(0.016) and with the 0.02 that
 * the published gap of 0.0023 implies (σ sqrt(d/N)), and hold only when they do with both.
 */

const floor = Number.MIN_VALUE

/** Natural-log Jensen–Shannon divergence of two histograms of shares. */
function divergence(p, q) {
  const half = (a, b) => a.reduce((sum, x, i) => (x > 0 ? sum + x * Math.log((2 * x) / (x + b[i] + floor)) : sum), 0)
  return (half(p, q) + half(q, p)) / 2
}

const texts = report => report.similarity.histograms.textText
const alpha = report => report.spectrum.text.alphaBiased

export const CLAIMS = [
  {
    id: 'gap-by-strategy',
    claim:
      'On the rows of the fit C3 leaves a smaller centroid gap than raw rows have, and ReAlign a smaller one than C3 (paper: 0.3918, 0.0023, 2.6e-4)',
    how: 'gap.centroid of measure; mean shift is C3 without noise',
    of: r => ({
      none: gap(r.none),
      meanShift: gap(r['mean-shift']),
      c3: gap(r.c3),
      c3Small: gap(r['c3-small']),
      realign: gap(r.realign),
      bca: gap(r.bca),
    }),
    holds: both((m, c3) => m.realign < c3 && c3 < m.none),
  },
  {
    id: 'c3-whitens',
    claim:
      'The noise of C3 flattens the spectrum of the text, ReAlign keeps it (paper: α 1.33 text, 1.33 ReAlign, 1.06 C3, 1.83 image)',
    how: 'least-squares slope of ln λ on ln rank, ranks 1 to 128; holds when C3 lowers α and changes it more than ReAlign does',
    of: r => ({
      image: r.none.spectrum.image.alphaBiased,
      text: alpha(r.none),
      c3: alpha(r.c3),
      c3Small: alpha(r['c3-small']),
      realign: alpha(r.realign),
    }),
    holds: both((m, c3) => c3 < m.text && Math.abs(m.realign - m.text) < Math.abs(c3 - m.text)),
  },
  {
    id: 'angles-kept',
    claim:
      'ReAlign changes the distribution of the angles among texts far less than C3 (paper: Jensen–Shannon 0.0066 against 0.1924, reference not stated)',
    how: 'divergence of the histograms of text–text cosines before and after, 200 bins on [−1, 1]; holds when C3 changes at least ten times as much',
    of: r => each(r, ['c3', 'c3-small', 'realign'], report => divergence(texts(r.none), texts(report))),
    holds: both((m, c3) => 10 * m.realign < c3),
  },
  {
    id: 'angles-matched',
    claim:
      'After ReAlign the angles among texts are distributed more like those among images than after C3 (the other reading of the same figures)',
    how: 'divergence of the image–image from the text–text histogram',
    of: r => each(r, ['none', 'c3', 'c3-small', 'realign'], report => report.similarity.js['imageImage/textText']),
    holds: both((m, c3) => m.realign < c3),
  },
  {
    id: 'mixing',
    claim:
      'More of the 20 nearest neighbours belong to the other modality after ReAlign than after C3, and after C3 than raw (paper: 4.35, 1.31, 0.32 %)',
    how: 'share over all pooled rows, exact neighbours',
    of: r => each(r, ['none', 'c3', 'c3-small', 'realign'], report => report.neighbours.mixing.all),
    holds: both((m, c3) => m.none < c3 && c3 < m.realign),
  },
  {
    id: 'bca-retention',
    claim:
      'Blockwise covariance alignment destroys the neighbourhoods of the text, ReAlign keeps them (paper: 10.1 against 87.3 % of 10 neighbours)',
    how: 'neighbours.retention; BCA about block means and as printed, ridge 1e-6, frame of 99 % of the energy; holds when both keep less than half of what ReAlign keeps',
    of: r => ({
      realign: kept(r.realign),
      bca: kept(r.bca),
      bcaAsPrinted: kept(r['bca-printed']),
      c3: kept(r.c3),
      c3Small: kept(r['c3-small']),
    }),
    holds: m => Math.max(m.bca, m.bcaAsPrinted) < m.realign / 2,
  },
  {
    id: 'bca-ill-conditioned',
    // generated texts have the condition number that they were given
    realOnly: true,
    claim: 'The covariance of the text is ill-conditioned (paper: κ about 1.1e3)',
    how: 'largest over smallest eigenvalue of the text above rounding (κ), and over the last that is needed for 99.9 % of the trace (κ_eff); null, because fewer rows than columns give isotropic texts numbers of this size as well',
    of: r => ({ kappa: r.none.spectrum.text.kappaBiased, kappaEff: r.none.spectrum.text.kappaEffBiased }),
    holds: () => null,
  },
  {
    id: 'search',
    // how well generated partners find each other was chosen with them
    realOnly: true,
    claim: 'ReAlign makes texts better queries for their images (a common expectation; the paper does not claim it)',
    how: 'text to image R@1 of the pairs, exact; R@1 of raw rows and of ReAlign',
    of: r => ({ none: r1(r.none), realign: r1(r.realign), meanShift: r1(r['mean-shift']) }),
    holds: m => m.realign > m.none,
  },
]

/** A verdict with either σ of C3; null where they differ. */
function both(holds) {
  return m => {
    const [large, small] = [holds(m, m.c3), holds(m, m.c3Small)]
    return large === small ? large : null
  }
}

/** A number of each of some strategies, under names that read as one word. */
function each(reports, names, number) {
  return Object.fromEntries(names.map(name => [name.replace('-small', 'Small'), number(reports[name])]))
}

function gap(report) {
  return report.gap.centroid
}

function kept(report) {
  return report.neighbours.retention
}

function r1(report) {
  return report.retrieval.textToImage.r1
}

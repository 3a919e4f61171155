import type { ImageText } from './report-parts.ts'

/** The fixed reference frame: U, where both modalities vary, and its complement V. */
export interface FrameReport {
  /** Share of the trace of Cov(image)+Cov(text) that U holds. */
  energy: number
  /** Dimension of U. */
  rank: number
  /** The frame was made earlier and given. */
  given?: true
  /** How far the U of these rows, at the same rank, is turned from the given one. */
  angles?: {
    /** Largest principal angle, in degrees. */
    largest: number
    /** Its sine. */
    sine: number
    /** Root mean square of the sines. */
    rms: number
  }
}

/**
 * The gap taken apart, Δ = β + γ + δ + ζ; `pmb`² + `cob`² + `traceU` + `traceV` is E‖Δ‖² of the pairs. What needs pairs
 * is absent without `paired`; what is undefined is null.
 *
 * @see arXiv 2602.07026, section 3
 */
export interface Decomposition {
  /** ‖m‖, the distance of the means. */
  gap: number
  /** ‖β‖, its part in U: principal mean (modality) bias. */
  pmb: number
  /** ‖γ‖, its part in V: constant (passive) orthogonal bias. */
  cob: number
  /**
   * Share of the squared gap in V, without the noise of the means, in a frame that the other half of the rows has made or that
   * was given; null where the gap cannot be distinguished from noise, and below `rowsNeeded`.
   */
  cobShare?: number | null
  /**
   * Independent rows a side that would do, where `cobShare`, `vmf` or `residual.coverage` is null because halves are too few to make
   * frames for each other, or turn them too much.
   */
  rowsNeeded?: number
  /** Trace of the residuals' covariance in U. */
  traceU?: number
  /** The same in V. */
  traceV?: number
  /** Condition number of the population's residuals in U; null where it changes too much from halves of the pairs to all of them. */
  kappaU?: number | null
  /** That of these residuals, over eigenvalues that are more than rounding. */
  kappaUBiased?: number | null
  /** As `kappaU`, in V. */
  kappaV?: number | null
  /** As `kappaUBiased`, in V. */
  kappaVBiased?: number | null
  /** First eigenvalue over the last of those that hold 99.9 % of the trace, in U; null as `kappaU` is. */
  kappaEffU?: number | null
  /** That of these residuals. */
  kappaEffUBiased?: number | null
  /** As `kappaEffU`, in V. */
  kappaEffV?: number | null
  /** As `kappaEffUBiased`, in V. */
  kappaEffVBiased?: number | null
  /** Independent pairs that would do, by the name of each condition number that is null for want of them. */
  needs?: Record<string, number>
  /** Eigenvalues that were rounding only. */
  belowFloor?: {
    /** In U. */
    u: number
    /** In V. */
    v: number
  }
  /** Degrees between γ and the leading direction of the residuals in V. */
  angleCobV1?: number | null
  /** How far the residuals in V follow those in U linearly: ‖L‖₂, R² and the ridge λ that both depend on. */
  coupling?: {
    /** ‖L‖₂. */
    norm: number
    /** Share of the residuals in V that L explains. */
    r2: number | null
    /** The ridge, absolute. */
    lambda: number
    /** The same of strangers, the mean over three exchanges of partners: what the sample makes by itself. */
    strangers?: {
      /** ‖L‖₂. */
      norm: number
      /** R². */
      r2: number
      /** Pairs whose partners were exchanged; where these are a sample, both are scaled to all pairs. */
      pairs: number
      /** How often. */
      derangements: number
    }
    /** (R² − R² of strangers)/(1 − R² of strangers); null where there are too few pairs for the frame. */
    r2Adjusted?: number | null
    /** Pairs that would do, where there are too few. */
    pairsNeeded?: number
  }
  /** What chance gives. */
  chance?: {
    /** Share of a random direction's square that lies in V, dim V/d: beside `cob`²/`gap`². */
    cobShare: number
    /** Quantiles of the angle of a random direction of V. */
    angleCobV1: {
      /** 5 %. */
      p05: number | null
      /** The median. */
      p50: number | null
      /** 95 %. */
      p95: number | null
    }
    /** Concentration of as many directions spread evenly, before sampling is taken out. */
    vmf?: number | null
    /**
     * Condition number of as many isotropic pairs in U, without directions of rounding only: that of the population is
     * `kappaUBiased` times at most this, or divided by it.
     */
    kappaU?: number | null
    /** The same in V. */
    kappaV?: number | null
  }
  /**
   * Von Mises–Fisher concentration of the pairs' directions in V, in a frame of the other half of the rows or one that was
   * given; null below `rowsNeeded`.
   */
  vmf?: number | null
}

/** The eigenvalues of one modality's covariance. */
export interface SpectrumReport {
  /**
   * Exponent of the power law λ_k ∝ k^−α of the population; null where it changes too much from halves of the rows to all of them, and
   * below two ranks.
   */
  alpha: number | null
  /** That of the eigenvalues of these rows. */
  alphaBiased?: number | null
  /** First and last rank of its fit. */
  alphaRange: [number, number]
  /** exp of the entropy of λ/Σλ of the population; null where it changes too much from halves of the rows to all of them. */
  effectiveRank: number | null
  /** That of the eigenvalues of these rows. */
  effectiveRankBiased?: number | null
  /** (Σλ)²/Σλ² of the population, from unbiased estimates; null below 60 independent rows, or where they cannot tell. */
  participationRatio: number | null
  /** The same of the eigenvalues of these rows, which is below n − 1 whatever the population. */
  participationRatioBiased?: number | null
  /** Eigenvalues above rounding, that of the stored rows included. */
  rank: number
  /** Condition number of the population; null where it changes too much from halves of the rows to all of them. */
  kappa: number | null
  /** That of these rows, over eigenvalues that are more than rounding of the stored rows. */
  kappaBiased?: number | null
  /** First eigenvalue over the last of those that hold 99.9 % of the trace; null as `kappa` is. */
  kappaEff: number | null
  /** That of these rows. */
  kappaEffBiased?: number | null
  /** Independent rows that would do, by the name of each number that is null for want of them. */
  needs?: Record<string, number>
  /** Eigenvalues that were rounding only. */
  belowFloor: number
  /** What chance gives. */
  chance?: {
    /**
     * Condition number of as many isotropic rows in the directions that these have: that of the population is `kappaBiased` times at most
     * this, or divided by it.
     */
    kappa: number | null
  }
  /** All eigenvalues, descending. */
  eigenvalues: number[]
}

/** How alike the covariances of image and text are. */
export interface CovarianceReport {
  /**
   * ‖Σx−Σz‖_F/‖Σx‖_F from unbiased estimates of both squares: zero where there is no difference beyond noise; null below 60
   * independent rows.
   */
  shape: number | null
  /** The same from plug-in covariances, which differ for two samples of one distribution. */
  shapeBiased?: number
  /**
   * Correlation of the logarithms of the two spectra over their common ranks, .9 for any two that fall; null below two, and where the
   * slope of either spectrum is not known.
   */
  logSpectraCorrelation: number | null
  /** That of the spectra of these rows. */
  logSpectraCorrelationBiased?: number | null
  /**
   * Standard deviation of ln(λx/λz) over the same ranks; null where it changes too much from halves of the rows to all of them, and below
   * eight times that of two halves of the images.
   */
  logSpectraDeviation?: number | null
  /** That of the spectra of these rows. */
  logSpectraDeviationBiased?: number | null
  /** Fréchet distance of the populations, squared; null where it changes too much from halves of the rows to all of them. */
  frechet: number | null
  /** That of these rows, divisor n, as papers print it. */
  frechetBiased?: number
  /** Overlap of the q leading directions; q/d for random ones. */
  overlap: {
    /** Numbers of directions. */
    q: number[]
    /** Overlap of each in the populations, ‖UxᵀUz‖²/q; null where sampling turns these directions too far. */
    o: (number | null)[]
    /** That of these rows. */
    oBiased?: number[]
    /** That of random directions, q/d. */
    chance?: number[]
  }
  /**
   * Independent rows a side that would do, by the name of each number that is null for want of them; for `overlap` those of the q that
   * takes most.
   */
  needs?: Record<string, number>
  /** The same numbers between two random halves of the image rows: what sampling alone gives, at half the rows. */
  halves?: {
    /** Rows of the smaller half. */
    rows: number
    /** Of the plug-in covariances. */
    shapeBiased: number
    /** Of their spectra. */
    logSpectraCorrelation: number | null
    /** Of their spectra. */
    logSpectraDeviation: number | null
    /** Squared. */
    frechet: number
    /** For each q of `overlap`. */
    overlap: number[]
  }
}

/** The covariance of the paired differences. */
export interface ResidualReport {
  /** Its trace. */
  trace: number
  /** Largest eigenvalue over the mean one. */
  anisotropy: number
  /** Trace over the mean squared distance of the pairs. */
  ratio: number
  /**
   * Share of the trace in U, in a frame that the other half of the rows has made or that was given; null below
   * `decomposition.rowsNeeded`.
   */
  coverage: number | null
  /** The same in the frame of these very rows, where it is the energy threshold by construction. */
  coverageBiased?: number
  /** (Σλ)²/Σλ² of the population, from unbiased estimates; null where the pairs are too few to tell. */
  effectiveDimension: number | null
  /** The same of the eigenvalues of these pairs. */
  effectiveDimensionBiased?: number
  /** Share of the K leading eigenvalues. */
  energy: {
    /** Numbers of eigenvalues. */
    k: number[]
    /** Share of each. */
    share: number[]
  }
}

/** What the gap is made of. */
export interface Causes {
  /** The frame everything is taken apart in. */
  frame: FrameReport
  /** The gap taken apart. */
  decomposition: Decomposition
  /** Spectra of both modalities. */
  spectrum: ImageText<SpectrumReport>
  /** Their covariances compared. */
  covariance: CovarianceReport
  /** The paired differences; `paired` only. */
  residual?: ResidualReport
}

/** How the gap is taken apart. */
export interface CauseOptions {
  /** Share of the energy that U holds; not with `rank`. @defaultValue `0.99` */
  energy?: number
  /** Dimension of U; not with `energy`. */
  rank?: number
  /** Last rank of the power-law fit. @defaultValue `128`, or the rank where that is smaller */
  alphaRanks?: number
  /** Ridge λ of the coupling, absolute. @defaultValue `1e-6` */
  lambda?: number
}

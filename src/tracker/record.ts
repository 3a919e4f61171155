import type { ImageText } from '../report-parts.ts'

/** Condition numbers of a covariance of these pairs, which grow with columns over pairs; what no eigenvalue above the floors gives is null. */
export interface ConditionRecord {
  /** First eigenvalue over the last one that is more than rounding. */
  kappa: number | null
  /** First eigenvalue over the last of those that hold 99.9 % of the trace. */
  kappaEff: number | null
}

/** Residuals in U, where both modalities vary. */
export interface USideRecord extends ConditionRecord {
  /** Eigenvalues that were rounding only. */
  belowFloor: number
  /** The same of an isotropic sample of as many rows, which share items as the pairs do. */
  isotropic: ConditionRecord
  /** Against the covariance of the gradients in U; absent without gradients. */
  gradient?: {
    /** Leading eigencomponents compared. */
    ranks: number
    /** Pearson correlation of the sorted eigenvalues. */
    rhoEig: number | null
    /** Pearson correlation of the diagonals in the frame's basis. */
    diagonal: number | null
    /** `rhoEig` of an isotropic sample: sorted numbers always correlate. */
    isotropicRhoEig: number | null
    /** `rhoEig` with random mixtures of the batch in the gradients' place; absent without a batch, and in older logs. */
    mixtureRhoEig?: number | null
    /** `diagonal` with them; absent as `mixtureRhoEig`. */
    mixtureDiagonal?: number | null
    /** |correlation| that unrelated diagonals exceed in one of twenty cases. */
    chance: number | null
  }
}

/** Residuals in V, the complement of U. */
export interface VSideRecord extends ConditionRecord {
  /** Dimension of V. */
  dim: number
  /** Eigenvalues that were rounding only. */
  belowFloor: number
  /** The same of an isotropic sample of as many rows, which share items as the pairs do. */
  isotropic: ConditionRecord
  /** Degrees between γ and the leading eigenvector of Σ_V, 0 to 90. */
  angle: number | null
  /** Quantiles of the same angle for a random direction. */
  randomAngle: {
    /** 5 %. */
    p05: number | null
    /** The median. */
    p50: number | null
    /** 95 %. */
    p95: number | null
  }
  /** Length of the mean unit direction of P_VΔ, without the part that sampling adds to its square; absent in older logs. */
  resultant?: number
  /** Von Mises–Fisher concentration of the pairs' directions in V; not of a window. */
  vmf?: number | null
  /** The same of as many directions spread evenly. */
  isotropicVmf?: number | null
}

/** How far the residuals in V follow those in U linearly, L = `E[ζδᵀ](Σ_U+λI)⁻¹`. */
export interface CouplingRecord {
  /** ‖L‖₂. */
  norm: number
  /** Share of the residuals in V that L explains. */
  r2: number | null
  /** The ridge that both depend on. */
  lambda: number
}

/** How a part of the mean difference moves. */
export interface BiasRecord {
  /** ‖b(t)−b(t0)‖/‖b(t0)‖; absent before the frame is frozen. */
  drift?: number
  /** Cosine to the step recorded before; absent at the first. */
  stepCosine?: number | null
}

/** Share of queries whose partner is the nearest row, and is among the five nearest. */
export interface RecallRecord {
  /** Recall at 1. */
  r1: number
  /** Recall at 5. */
  r5: number
}

/**
 * What a tracker records at a step, and one line of its log. What needs something that was not given is absent; what is
 * undefined is null. Angles are in degrees.
 *
 * @see arXiv 2602.07026, sections 3 and 4, appendices B and C
 */
export interface TrackRecord {
  /** The trainer's step. */
  step: number
  /** Columns. */
  dim: number
  /** Probe pairs. */
  pairs: number
  /** Pairs that share an item, such as the captions of one image; absent where each pair is its own, and in older logs. */
  groups?: {
    /** Known by ids, or by rows that are equal bit for bit. */
    by: 'ids' | 'equal-rows'
    /** Different items. */
    items: number
  }
  /** The frame everything is taken apart in. */
  frame: {
    /** Dimension of U. */
    rank: number
    /** Share of the trace of Cov(image)+Cov(text) that U held when it was estimated. */
    energy: number
    /** Whether it stays from here on. */
    frozen: boolean
    /** Step it was estimated at. */
    step: number
  }
  /** The gap of the pairs beside its noise. */
  gap: {
    /** ‖m‖, the distance of the means. */
    centroid: number
    /** Cosine of the means. */
    cosine: number | null
    /** ‖m‖² without the part that sampling adds. */
    unbiasedSquared: number
    /** Its 95 % interval. */
    interval: [number, number]
    /** Whether the gap is real; absent in older logs. */
    verdict?: 'real' | 'noise' | 'not-tested'
    /** How far apart the means would be by sampling alone. */
    floor: number
    /** Mean distance of the pairs. */
    pairedDistance: number
    /** Relative modality gap. */
    rmg: number
  }
  /** E‖e−μ‖² of both modalities. */
  trace: ImageText
  /** E‖Δ‖² = `pmb`² + `cob`² + `traceU` + `traceV`. */
  decomposition: {
    /** ‖β‖, the mean difference in U. */
    pmb: number
    /** ‖γ‖, the mean difference in V. */
    cob: number
    /** Spread of the differences in U. */
    traceU: number
    /** Spread of the differences in V. */
    traceV: number
  }
  /** U re-estimated at this step against the frozen one; absent before it is frozen. */
  rotation?: {
    /** Sine of the largest principal angle. */
    sinTheta: number
    /** Root mean square of the sines of all principal angles. */
    rmsSine: number
    /** Root mean square of all principal angles. */
    rmsAngle: number
    /** `rmsSine` of a random subspace, sqrt(dim V/d). */
    random: number
  }
  /** How the residuals in V follow those in U. */
  coupling: CouplingRecord
  /** Root mean square share of gradient energy in V; absent without gradients. */
  leakage?: {
    /** Over the rows of both modalities. */
    leak: number | null
    /** Of image gradients. */
    image?: number | null
    /** Of text gradients. */
    text?: number | null
    /** Of random directions, sqrt(dim V/d). */
    random: number
    /** The same of random mixtures of the batch's rows; absent without a batch, and in older logs. */
    mixture?: number
    /** sinθ + ‖L‖₂, which the paper calls a bound of `leak`; absent before the frame is frozen. */
    bound?: number
    /** `leak` − `bound`: above zero, the remainder that the bound needs to hold. */
    remainder?: number | null
  }
  /** γ, the mean difference in V. */
  passive: BiasRecord
  /** β, the mean difference in U, to compare with. */
  active: BiasRecord
  /** Residuals in U. */
  u: USideRecord
  /** Residuals in V. */
  v: VSideRecord
  /** Search among the probe pairs; absent for `retrievalPairs: 0`. */
  retrieval?: {
    /** Pairs it was measured on. */
    pairs: number
    /** Images ask, texts answer. */
    imageToText: RecallRecord
    /** Texts ask, images answer. */
    textToImage: RecallRecord
  }
  /** What the sphere does to the mean of the text after anchor and trace. */
  phantomDrift: {
    /** ‖E[π(z)]−π(E[z])‖. */
    measured: number
    /** ‖E[π(z)]−μx‖. */
    toTarget: number
    /** Length of its part tangential to the sphere. */
    tangential: number
    /** Length of its prediction −(I−aaᵀ)Σc/R³, with Σ the covariance of the moved text and c = μx − s·μy. */
    predictedTangential: number
    /** Cosine of predicted and measured tangential parts. */
    cosine: number | null
    /** Length of the predicted drift less the measured one, relative to the measured one; absent in older logs. */
    error?: number
    /** √(cᵀΣc)/R², the parameter that the prediction is an expansion in; absent in older logs. */
    parameter?: number
    /** Root mean square of the tangential part that sampling alone gives; absent in older logs. */
    noise?: number
  }
  /** Gradients against the span of the batch's embeddings; absent without a batch. */
  span?: {
    /** Root mean square share of the gradients outside it; null where it is the whole space. */
    residual: number | null
    /** Its dimension. */
    dim: number
    /** The same of a random vector. */
    random: number
  }
  /** Means of the per-step covariances of the window that this step completes. */
  window?: {
    /** First step of the window. */
    from: number
    /** Recorded steps in it. */
    steps: number
    /** Residuals in U. */
    u: USideRecord
    /** Residuals in V. */
    v: VSideRecord
    /** How the residuals in V follow those in U. */
    coupling: CouplingRecord
  }
}

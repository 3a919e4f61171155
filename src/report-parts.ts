/** A value for either modality. */
export interface ImageText<T = number> {
  /** Of the image rows. */
  image: T
  /** Of the text rows. */
  text: T
}

/** What is concluded of a gap beside its noise. */
export type GapVerdict = 'real' | 'noise' | 'not-tested' | 'in-sample'

/** How grave a finding is. */
export type FindingLevel = 'problem' | 'warning' | 'note'

/** Something worth knowing about rows, with its evidence and what to do. */
export interface Finding {
  /** Stable name. */
  code:
    | 'modalities-swapped'
    | 'rows-misaligned'
    | 'f16-overflow'
    | 'rows-not-unit'
    | 'duplicates'
    | 'shared-component'
    | 'few-rows'
    | 'in-sample'
    | 'below-floor'
    | 'sides-related'
    | 'scale-far-from-one'
  /** How grave it is. */
  level: FindingLevel
  /** What is the case, in words. */
  text: string
  /** The numbers that say so. */
  evidence: string
  /** What to do. */
  advice: string
}

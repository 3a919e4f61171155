/** What a colour stands for; the same in every chart, so that a reader learns it once. */
export type Tone = 'image' | 'text' | 'moved' | 'cross' | 'floor' | 'beta' | 'gamma' | 'u' | 'v'

/** Colours of one theme; every tone and both kinds of text have a contrast of at least 4.5 on `paper`. */
export interface Palette extends Record<Tone, string> {
  /** Behind everything. */
  page: string
  /** Behind charts and text. */
  paper: string
  /** Text. */
  ink: string
  /** Text of less weight. */
  muted: string
  /** Axes and borders. */
  line: string
  /** Lines behind the data. */
  grid: string
  /** The colours of a heat map, from small to large. */
  heat: readonly string[]
}

export type Theme = 'light' | 'dark'

export const PALETTES: Record<Theme, Palette> = {
  light: {
    page: '#f4f5f7',
    paper: '#ffffff',
    ink: '#1a1f26',
    muted: '#56616e',
    line: '#cdd4dc',
    grid: '#e9ecf0',
    image: '#1f5fbf',
    text: '#bf4a12',
    moved: '#0a7561',
    cross: '#7645c2',
    floor: '#5f6b79',
    beta: '#1f5fbf',
    gamma: '#7645c2',
    u: '#8a6d00',
    v: '#0a7561',
    heat: ['#fdf3e3', '#f8cf95', '#ee9a56', '#cf5a33', '#8c2230'],
  },
  dark: {
    page: '#0f1318',
    paper: '#171c23',
    ink: '#e8ecf1',
    muted: '#a5b1be',
    line: '#3a4551',
    grid: '#262e38',
    image: '#6fabf8',
    text: '#f79d66',
    moved: '#45cdae',
    cross: '#bb9cf4',
    floor: '#a0adbb',
    beta: '#6fabf8',
    gamma: '#bb9cf4',
    u: '#dcb94a',
    v: '#45cdae',
    heat: ['#2a2320', '#5c3a2a', '#9a5432', '#dc7f49', '#ffc58f'],
  },
}

/** What a value of a record has to be: a number that may be `null`, as JSON has what is not finite; a switch; a list; an object. */
type Shape = 'number' | 'boolean' | 'numbers' | { readonly [key: string]: Shape | undefined }

const numbers = (keys: string): Record<string, Shape> => Object.fromEntries(keys.split(' ').map(key => [key, 'number']))

const CONDITION = numbers('kappa kappaEff')
const U = {
  ...CONDITION,
  ...numbers('belowFloor'),
  isotropic: CONDITION,
  'gradient?': numbers('ranks rhoEig diagonal'),
}
const V = {
  ...CONDITION,
  ...numbers('dim belowFloor angle'),
  isotropic: CONDITION,
  randomAngle: numbers('p05 p50 p95'),
}
const COUPLING = numbers('norm r2 lambda')
const RECALL = numbers('r1 r5')
const BOTH_WAYS = { imageToText: RECALL, textToImage: RECALL }

/** The parts of a record of a tracker that are there in every log; a question mark is behind the names of those that may be missing. */
const RECORD: Shape = {
  ...numbers('step dim pairs'),
  frame: { ...numbers('rank energy step'), frozen: 'boolean' },
  gap: { ...numbers('centroid cosine unbiasedSquared floor pairedDistance rmg'), interval: 'numbers' },
  trace: numbers('image text'),
  decomposition: numbers('pmb cob traceU traceV'),
  'rotation?': numbers('sinTheta rmsSine rmsAngle random'),
  coupling: COUPLING,
  'leakage?': numbers('leak random'),
  passive: {},
  active: {},
  u: U,
  v: V,
  'retrieval?': { ...numbers('pairs'), ...BOTH_WAYS, 'chance?': BOTH_WAYS },
  phantomDrift: numbers('measured toTarget tangential predictedTangential cosine'),
  'span?': numbers('residual dim random'),
  'window?': { ...numbers('from steps'), u: U, v: V, coupling: COUPLING },
}

/** What a value lacks to be a record of a tracker, such as `gap.centroid is missing`; nothing for one that is whole. */
export function flawOfRecord(value: unknown): string | undefined {
  return flawOf(value, RECORD, '')
}

function flawOf(value: unknown, shape: Shape, name: string): string | undefined {
  if (typeof shape === 'object') {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return missing(value, name || 'it', 'an object')
    }
    for (const [key, inner] of Object.entries(shape)) {
      const own = key.replace('?', '')
      const held = (value as Record<string, unknown>)[own]
      const absent = key !== own && held === undefined
      const flaw = absent ? undefined : flawOf(held, inner as Shape, name === '' ? own : `${name}.${own}`)
      if (flaw !== undefined) {
        return flaw
      }
    }
    return undefined
  }
  const right =
    shape === 'numbers'
      ? Array.isArray(value) && value.every(each => typeof each === 'number' || each === null)
      : typeof value === shape || (shape === 'number' && value === null && name !== 'step')
  return right ? undefined : missing(value, name, shape === 'numbers' ? 'a list of numbers' : `a ${shape}`)
}

function missing(value: unknown, name: string, what: string): string {
  return value === undefined ? `${name} is missing` : `${name} is not ${what}`
}

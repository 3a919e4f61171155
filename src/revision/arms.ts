import { ModalityGapError } from '../errors.ts'
import type { Method } from '../options.ts'
import { mergeOverrides, type Override } from './config/overlay.ts'

/** An arm of a comparison: what it changes about the configuration that all arms share. */
export interface Arm {
  /** Its name, which is that of its folder. */
  name: string
  /** What it changes. */
  changes: Override
}

const method = (options: Override): Override => ({ embeddings: { aligner: options } })

/** Arms by name: what stands in for images in stage 1, or what is left out (arXiv 2602.07026, tables 2 to 4). */
export const ARMS: Readonly<Record<string, Override>> = {
  blind: { blind: true, stage1: false, embeddings: { aligner: null } },
  none: { embeddings: { aligner: null } },
  centering: method({ method: 'centering' }),
  'mean-shift': method({ method: 'mean-shift' }),
  // moved onto images, σ = √0.016, on the sphere
  c3: method({ method: 'c3' }),
  // as its authors' code for captions has it: both sides centred
  'c3-centred': method({ method: 'c3', centered: true }),
  // with the σ that the gap of 0.0023 printed in arXiv 2602.07026 follows from, off the sphere
  'c3-0.02': method({ method: 'c3', noise: 0.02, renormalize: false }),
  bca: method({ method: 'bca' }),
  procrustes: method({ method: 'procrustes', paired: true }),
  bures: method({ method: 'bures' }),
  'aniso-init': method({ method: 'aniso-init' }),
  anchor: method({ method: 'realign', steps: ['anchor'] }),
  'anchor+trace': method({ method: 'realign', steps: ['anchor', 'trace'] }),
  realign: method({ method: 'realign' }),
  'realign-iterated': method({ method: 'realign', centroidIterations: 10 }),
  paired: { embeddings: { aligner: null }, stage1: { rows: 'image', key: 'image' } },
  'no-stage1': { stage1: false, embeddings: { aligner: null } },
} satisfies Record<Method, Override> & Record<string, Override>

/** An arm of one's own. */
export interface OwnArm {
  /** Its name, which is that of its folder. */
  name: string
  /** A known arm that it begins with. */
  like?: string
  /** What it changes, beside what the known one changes; `null` takes a key away. */
  with?: Override
}

/** An arm as it is written: the name of a known one, or one's own. */
export type ArmInput = string | OwnArm

/**
 * The arms of a comparison.
 *
 * @throws {@link ModalityGapError} `BAD_OPTION` for an unknown arm, or two of one name
 */
export function armsOf(inputs: readonly ArmInput[]): Arm[] {
  const arms = inputs.map(armOf)
  const twice = arms.find(({ name }, i) => arms.findIndex(other => other.name === name) !== i)
  if (twice) {
    throw new ModalityGapError('BAD_OPTION', `two arms are called ${twice.name}`)
  }
  return arms
}

function armOf(input: ArmInput): Arm {
  const { name, like, with: changes } = typeof input === 'string' ? { name: input, like: input, with: {} } : input
  if (!/^[\w.+-]+$/.test(name) || /^\.+$/.test(name)) {
    throw new ModalityGapError('BAD_OPTION', `an arm's name is made of letters, digits and . + - _, not ${name}`)
  }
  if (like !== undefined && !Object.hasOwn(ARMS, like)) {
    throw new ModalityGapError('BAD_OPTION', `there is no arm ${like}; ${Object.keys(ARMS).join(', ')} are known`)
  }
  return { name, changes: mergeOverrides(like === undefined ? {} : (ARMS[like] as Override), changes ?? {}) }
}

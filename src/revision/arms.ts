import { ModalityGapError } from '../errors.ts'

/** A part of a configuration, laid over another one; `null` takes a key away. */
export type Override = { readonly [key: string]: unknown }

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
  c3: method({ method: 'c3' }),
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
}

/** An arm as it is written: the name of a known one, or a name with changes, perhaps to a known one. */
export type ArmInput = string | { name: string; like?: string; with?: Override }

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
  if (!/^[\w.+-]+$/.test(name)) {
    throw new ModalityGapError('BAD_OPTION', `an arm's name is made of letters, digits and . + - _, not ${name}`)
  }
  if (like !== undefined && !Object.hasOwn(ARMS, like)) {
    throw new ModalityGapError('BAD_OPTION', `there is no arm ${like}; ${Object.keys(ARMS).join(', ')} are known`)
  }
  return { name, changes: laidOver(like === undefined ? {} : (ARMS[like] as Override), changes ?? {}) }
}

/** A configuration with changes: sections are merged key by key, all else is replaced. */
export function laidOver(base: Override, changes: Override): Override {
  const merged: Record<string, unknown> = { ...base }
  for (const [key, value] of Object.entries(changes)) {
    const before = merged[key]
    merged[key] = isSection(before) && isSection(value) ? laidOver(before, value) : value
  }
  return merged
}

function isSection(value: unknown): value is Override {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

import { readFileSync } from 'node:fs'
import { fixture } from './npy.ts'

export interface Parts {
  info: Record<string, unknown>
  tensors: Record<string, { shape: number[]; values: readonly number[] }>
}

/** The parts of an aligner file of one step: 2 columns, no offsets. */
export function smallParts(): Parts {
  const side = { name: 'text', rows: 10, trace: 0.5 }
  return {
    info: {
      version: 1,
      package: '0.1.0',
      options: { method: 'mean-shift', centroid: 'iterate' },
      dim: 2,
      source: side,
      target: { ...side, name: 'image' },
      scale: 1,
      renormalize: true,
      iterations: 0,
      gap: { before: 0.5, floor: 0.1 },
      movesTarget: false,
    },
    tensors: {
      source_mean: { shape: [2], values: [0, 0.5] },
      target_mean: { shape: [2], values: [0.5, 0] },
      shift: { shape: [2], values: [0.5, -0.5] },
    },
  }
}

/** The aligner of the golden values with three centroid offsets. */
export function goldenParts(): Parts {
  const golden = JSON.parse(readFileSync(fixture('realign.json'), 'utf8'))
  const { image, text } = golden.mean as { image: number[]; text: number[] }
  const { info } = smallParts()
  return {
    info: { ...info, dim: 48, scale: golden.scale, iterations: 3 },
    tensors: {
      source_mean: { shape: [48], values: text },
      target_mean: { shape: [48], values: image },
      shift: { shape: [48], values: image.map((mean, j) => mean - golden.scale * (text[j] as number)) },
      offsets: { shape: [3, 48], values: golden.offsets.flat() },
    },
  }
}

/** Safetensors bytes made by hand, so that a reader is tested against the format and not against our writer. */
export function alignerBytes({ info, tensors }: Parts): Uint8Array {
  const metadata = { 'modality-gap': JSON.stringify(info) }
  const header: Record<string, unknown> = { __metadata__: metadata }
  const values: number[] = []
  for (const [name, tensor] of Object.entries(tensors)) {
    const from = values.length * 8
    values.push(...tensor.values)
    header[name] = { dtype: 'F64', shape: tensor.shape, data_offsets: [from, values.length * 8] }
  }
  return fileOf(JSON.stringify(header), new Uint8Array(Float64Array.from(values).buffer))
}

/** A header of any text before any data. */
export function fileOf(header: string, data: Uint8Array): Uint8Array {
  const text = Buffer.from(header)
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  return new Uint8Array(Buffer.concat([length, text, data]))
}

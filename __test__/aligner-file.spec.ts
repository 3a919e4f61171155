import test from 'ava'
import { readAlignerFile, type Stage } from '../src/aligner-file.ts'
import { alignerBytes, fileOf, goldenParts, type Parts, smallParts } from './helpers/aligner-file.ts'

function changed(change: (parts: Parts) => void): Uint8Array {
  const parts = smallParts()
  change(parts)
  return alignerBytes(parts)
}

/** The small file with its header replaced by one made from it. */
function withHeader(change: (header: Record<string, { data_offsets: number[]; shape: unknown }>) => void): Uint8Array {
  const bytes = alignerBytes(smallParts())
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true))
  const header = JSON.parse(Buffer.from(bytes.subarray(8, 8 + length)).toString())
  change(header)
  return fileOf(JSON.stringify(header), bytes.subarray(8 + length))
}

/** A map of one pair of coordinates whose source and target have these radii. */
function polar([source, target]: [source: number[], target: number[]]): Uint8Array {
  return changed(({ info, tensors }) => {
    Object.assign(info, { version: 2, stages: [{ kind: 'polar', pairs: 1, knots: [2, 2] }] })
    delete tensors.shift
    Object.assign(tensors, {
      'stages.0.basis': { shape: [2, 2], values: [1, 0, 0, 1] },
      'stages.0.source': { shape: [1, 2], values: source },
      'stages.0.target': { shape: [1, 2], values: target },
    })
  })
}

function vectorsOf(stages: Stage[]): number[][] {
  return stages.flatMap(stage => (stage.kind === 'add' ? [[...stage.vector]] : []))
}

test('what was written is read back exactly', t => {
  const parts = goldenParts()
  const { info, stages } = readAlignerFile(alignerBytes(parts))
  t.deepEqual(info as unknown, parts.info)
  t.deepEqual(
    stages.map(stage => stage.kind),
    ['scale', ...Array.from({ length: 1 + info.iterations }, () => ['add', 'sphere']).flat()],
  )
  const [shift, ...offsets] = vectorsOf(stages)
  t.deepEqual(shift, [...(parts.tensors.shift?.values ?? [])])
  t.deepEqual(offsets.flat(), [...(parts.tensors.offsets?.values ?? [])])
})

test('bytes may start anywhere in a buffer', t => {
  const bytes = alignerBytes(smallParts())
  const moved = new Uint8Array(bytes.length + 3).subarray(3)
  moved.set(bytes)
  t.deepEqual(vectorsOf(readAlignerFile(moved).stages), [[0.5, -0.5]])
})

test('a strategy without a shift has none', t => {
  const bytes = changed(({ tensors }) => delete tensors.shift)
  t.deepEqual(vectorsOf(readAlignerFile(bytes).stages), [])
})

test('radii that ascend are read', t => {
  const [stage] = readAlignerFile(
    polar([
      [1, 2],
      [1, 3],
    ]),
  ).stages
  t.like(stage, { kind: 'polar', pairs: 1, target: Float64Array.of(1, 3) })
})

test('a newer version is refused by name', t => {
  const bytes = changed(({ info }) => {
    info.version = 3
  })
  t.throws(() => readAlignerFile(bytes), { code: 'NEWER_VERSION', message: /version 3/ })
})

const HOSTILE: Record<string, [bytes: Uint8Array, message: RegExp]> = {
  'no bytes': [new Uint8Array(0), /too short/],
  'seven bytes': [new Uint8Array(7), /too short/],
  'a header longer than the file': [alignerBytes(smallParts()).subarray(0, 60), /longer than the file/],
  'a header length near 2^64': [new Uint8Array(16).fill(0xff), /longer than the file/],
  'a header that is not JSON': [fileOf('{"a":', new Uint8Array(0)), /not JSON/],
  'a header that is not UTF-8': [Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe), /not JSON/],
  'a header that is a list': [fileOf('[]', new Uint8Array(0)), /not a JSON object/],
  'no metadata of ours': [fileOf('{"__metadata__":{"format":"pt"}}', new Uint8Array(0)), /no "modality-gap" metadata/],
  'metadata that is not JSON': [fileOf('{"__metadata__":{"modality-gap":"x"}}', new Uint8Array(0)), /not JSON/],
  'no version': [changed(({ info }) => delete info.version), /no version/],
  'a width of zero': [changed(({ info }) => Object.assign(info, { dim: 0 })), /not a count/],
  'a width that is not whole': [changed(({ info }) => Object.assign(info, { dim: 1.5 })), /not a count/],
  'another width': [
    changed(({ info }) => Object.assign(info, { dim: 3 })),
    /"source_mean" is F64 \[2\], not F64 \[3\]/,
  ],
  'a scale of zero': [changed(({ info }) => Object.assign(info, { scale: 0 })), /scale/],
  'iterations beyond 32 bits': [
    changed(({ info }) => Object.assign(info.options as object, { centroidIterations: 2 ** 32 })),
    /options/,
  ],
  'radii of the source that fall': [
    polar([
      [2, 1],
      [1, 2],
    ]),
    /radii of stages.0 do not ascend/,
  ],
  'radii of the target that fall': [
    polar([
      [1, 2],
      [2, 1],
    ]),
    /radii of stages.0 do not ascend/,
  ],
  'no renormalisation': [changed(({ info }) => delete info.renormalize), /sphere/],
  'a missing tensor': [changed(({ tensors }) => delete tensors.target_mean), /"target_mean" is missing/],
  'offsets announced but absent': [
    changed(({ info }) => Object.assign(info, { iterations: 1 })),
    /"offsets" is missing/,
  ],
  'offsets not announced': [
    changed(({ tensors }) => Object.assign(tensors, { offsets: { shape: [1, 2], values: [0, 0] } })),
    /none are announced/,
  ],
  'a value that is not finite': [
    changed(({ tensors }) => Object.assign(tensors, { shift: { shape: [2], values: [0, Number.NaN] } })),
    /"shift" has a value that is not finite/,
  ],
  'a value beyond all numbers': [
    changed(({ tensors }) => Object.assign(tensors, { shift: { shape: [2], values: [Number.NEGATIVE_INFINITY, 0] } })),
    /"shift" has a value that is not finite/,
  ],
  'bytes after the last tensor': [Uint8Array.of(...alignerBytes(smallParts()), 0), /take 48 bytes, the file holds 49/],
  'a truncated tensor': [alignerBytes(smallParts()).subarray(0, -8), /take 48 bytes, the file holds 40/],
  'overlapping tensors': [
    withHeader(header => Object.assign(header.shift ?? {}, { data_offsets: [8, 24] })),
    /end to end/,
  ],
  'a tensor that ends before it starts': [
    withHeader(header => Object.assign(header.shift ?? {}, { data_offsets: [32, 16] })),
    /end to end/,
  ],
  'negative offsets': [
    withHeader(header => Object.assign(header.shift ?? {}, { data_offsets: [-16, 0] })),
    /"shift" is not described/,
  ],
  'a shape that is not counts': [
    withHeader(header => Object.assign(header.shift ?? {}, { shape: ['2'] })),
    /"shift" is not described/,
  ],
  'a tensor of another type': [
    withHeader(header => Object.assign(header.shift ?? {}, { dtype: 'F32' })),
    /"shift" is F32 \[2\], not F64 \[2\]/,
  ],
}

for (const [name, [bytes, message]] of Object.entries(HOSTILE)) {
  test(`refused: ${name}`, t => {
    t.throws(() => readAlignerFile(bytes), { code: 'BAD_ALIGNER', message })
  })
}

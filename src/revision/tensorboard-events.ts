import { maskedCrc32c } from './crc32c.ts'

// Messages and fields are those of TensorFlow's event.proto, summary.proto and tensor.proto.

/** DT_STRING of TensorFlow's types.proto. */
const STRING_TYPE = 7
/** DATA_CLASS_TENSOR of summary.proto. */
const TENSOR_CLASS = 2
/** START of SessionLog. */
const SESSION_START = 1

/** The event that every file begins with. */
export function versionEvent(time: number): Buffer {
  return event(time, 0, bytesField(3, Buffer.from('brain.Event:2')))
}

/** Tells TensorBoard to forget what it has read of this step and of later ones. */
export function restartEvent(time: number, step: number): Buffer {
  return event(time, step, bytesField(7, varintField(1, SESSION_START)))
}

/** Values of one step. */
export function scalarEvent(
  time: number,
  step: number,
  values: readonly (readonly [tag: string, value: number])[],
): Buffer {
  const summary = values.map(([tag, value]) =>
    bytesField(1, Buffer.concat([bytesField(1, Buffer.from(tag)), floatField(2, value)])),
  )
  return event(time, step, bytesField(5, Buffer.concat(summary)))
}

/** A text of one step; TensorBoard shows it as Markdown. */
export function textEvent(time: number, step: number, tag: string, text: string): Buffer {
  const tensor = Buffer.concat([
    varintField(1, STRING_TYPE),
    bytesField(2, Buffer.alloc(0)),
    bytesField(8, Buffer.from(text)),
  ])
  const metadata = Buffer.concat([bytesField(1, bytesField(1, Buffer.from('text'))), varintField(4, TENSOR_CLASS)])
  const value = Buffer.concat([bytesField(1, Buffer.from(tag)), bytesField(8, tensor), bytesField(9, metadata)])
  return event(time, step, bytesField(5, bytesField(1, value)))
}

/** A record of a TFRecord file: length and bytes, each with its checksum. */
export function record(bytes: Buffer): Buffer {
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(bytes.length))
  return Buffer.concat([length, checksum(length), bytes, checksum(bytes)])
}

function checksum(bytes: Buffer): Buffer {
  const out = Buffer.alloc(4)
  out.writeUInt32LE(maskedCrc32c(bytes))
  return out
}

/** @param time seconds since 1970 */
function event(time: number, step: number, content: Buffer): Buffer {
  const seconds = Buffer.alloc(8)
  seconds.writeDoubleLE(time)
  return Buffer.concat([key(1, 1), seconds, step === 0 ? Buffer.alloc(0) : varintField(2, step), content])
}

/** Number and wire type of a field. */
function key(field: number, wire: number): Buffer {
  return varint(field * 8 + wire)
}

function varintField(field: number, value: number): Buffer {
  return Buffer.concat([key(field, 0), varint(value)])
}

function bytesField(field: number, bytes: Buffer): Buffer {
  return Buffer.concat([key(field, 2), varint(bytes.length), bytes])
}

function floatField(field: number, value: number): Buffer {
  const out = Buffer.alloc(4)
  out.writeFloatLE(value)
  return Buffer.concat([key(field, 5), out])
}

/** A whole number up to 2⁵³, seven bits a byte, the lowest first. */
function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  while (rest >= 128) {
    bytes.push((rest % 128) | 128)
    rest = Math.floor(rest / 128)
  }
  return Buffer.from([...bytes, rest])
}

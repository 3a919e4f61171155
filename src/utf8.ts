import { ModalityGapError } from './errors.ts'

const utf8 = () => new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * The text of a file, a byte order mark included.
 *
 * @throws {@link ModalityGapError} `UNSUPPORTED` for UTF-16, `BAD_FORMAT` with the line as row for what is not UTF-8 otherwise
 */
export function utf8Of(bytes: Uint8Array, file: string): string {
  refuseUtf16(bytes, file)
  try {
    return utf8().decode(bytes)
  } catch (cause) {
    throw noUtf8(file, lineOfFault(bytes), cause)
  }
}

/** The pieces of a file as text, checked in the same way; a byte order mark is left in the first. */
export async function* utf8Pieces(input: AsyncIterable<Uint8Array>, file: string): AsyncGenerator<string> {
  const decoder = utf8()
  let line = 0
  let begun = false
  try {
    for await (const bytes of input) {
      if (!begun) {
        refuseUtf16(bytes, file)
        begun = true
      }
      let text: string
      try {
        text = decoder.decode(bytes, { stream: true })
      } catch (cause) {
        throw noUtf8(file, line + lineOfFault(bytes), cause)
      }
      line += text.split('\n').length - 1
      yield text
    }
    yield decoder.decode()
  } catch (cause) {
    throw cause instanceof TypeError ? noUtf8(file, line, cause) : cause
  }
}

function refuseUtf16([first, second, third]: Uint8Array, file: string): void {
  const marked = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)
  // without a mark every other byte of Latin letters is zero
  const bare = (first === 0 && second !== 0) || (second === 0 && third !== 0 && first !== undefined)
  if (marked || (bare && third !== undefined)) {
    const message = `${file}: is text in UTF-16, or no text; save it in UTF-8: iconv -f utf-16 -t utf-8`
    throw new ModalityGapError('UNSUPPORTED', message, { file })
  }
}

function noUtf8(file: string, row: number, cause: unknown): ModalityGapError {
  const message = `${file}: line ${row + 1} is not UTF-8; if it is Latin-1, convert it: iconv -f latin1 -t utf-8`
  return new ModalityGapError('BAD_FORMAT', message, { file, row, cause })
}

/** The line, from 0, of the first bytes that are not UTF-8. */
function lineOfFault(bytes: Uint8Array): number {
  let row = 0
  for (let from = 0; from < bytes.length; row++) {
    const end = bytes.indexOf(10, from)
    const line = bytes.subarray(from, end === -1 ? bytes.length : end)
    try {
      utf8().decode(line)
    } catch {
      return row
    }
    from += line.length + 1
  }
  return row
}

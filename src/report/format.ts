/** What rounding leaves of zero. */
const NOTHING = 1e-13

/** A number to four figures, trailing zeros left out; very small and large ones in powers of ten; a dash for none. */
export function figure(value: number | null | undefined): string {
  if (value === null || value === undefined || Number.isNaN(value)) {
    return '–'
  }
  const size = Math.abs(value)
  if (size !== 0 && size < NOTHING) {
    return '≈ 0'
  }
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) {
    return value.toExponential(2).replace('-', '−').replace('e-', 'e−').replace('e+', 'e')
  }
  return Number.isInteger(value)
    ? count(value)
    : Number(value.toPrecision(4)).toLocaleString('en', { maximumSignificantDigits: 4 }).replace('-', '−')
}

/** A count with thousands separated. */
export function count(value: number): string {
  return value.toLocaleString('en').replace('-', '−')
}

/** A share of one, in percent. */
export function percent(share: number | null | undefined): string {
  if (share === null || share === undefined) {
    return '–'
  }
  return share > 0 && share < 1e-4 ? '< 0.01 %' : `${Number((100 * share).toPrecision(3))} %`
}

const RAISED = '⁰¹²³⁴⁵⁶⁷⁸⁹'

/** The label of a logarithmic axis: 10⁻³; plain between 0.01 and 1,000. */
export function power(value: number): string {
  const exponent = Math.round(Math.log10(value))
  const whole = Math.abs(Math.log10(value) - exponent) < 1e-9
  if (!whole || (exponent >= -2 && exponent <= 3)) {
    return figure(value)
  }
  const digits = [...String(Math.abs(exponent))].map(digit => RAISED[Number(digit)]).join('')
  return `10${exponent < 0 ? '⁻' : ''}${digits}`
}

/** Whether a value is a number that can be drawn. */
export function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

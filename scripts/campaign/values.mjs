/** Where a value holds a number that is not finite; nothing when all are finite. */
export function notFinite(value, place = '') {
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : `${place || 'value'} is ${value}`
  if (ArrayBuffer.isView(value)) {
    const at = Array.prototype.findIndex.call(value, each => typeof each === 'number' && !Number.isFinite(each))
    return at === -1 ? undefined : `${place}[${at}] is ${value[at]}`
  }
  if (typeof value !== 'object' || value === null) return undefined
  for (const [key, each] of Object.entries(value)) {
    const found = notFinite(each, place === '' ? key : `${place}.${key}`)
    if (found !== undefined) return found
  }
  return undefined
}

/** Standard normal numbers from a seed: mulberry32 and the Box–Muller transform. */
export function gaussians(seed) {
  const uniform = mulberry32(seed)
  let spare
  return () => {
    if (spare !== undefined) {
      const value = spare
      spare = undefined
      return value
    }
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()))
    const angle = 2 * Math.PI * uniform()
    spare = radius * Math.sin(angle)
    return radius * Math.cos(angle)
  }
}

/** `size` orthonormal rows: Gram–Schmidt, twice, on random ones. */
export function orthogonal(size, normal) {
  const rows = []
  for (let k = 0; k < size; k++) {
    let row = Array.from({ length: size }, normal)
    for (let pass = 0; pass < 2; pass++) {
      for (const other of rows) {
        const along = dot(row, other)
        row = row.map((value, j) => value - along * other[j])
      }
    }
    const length = Math.sqrt(dot(row, row))
    rows.push(row.map(value => value / length))
  }
  return rows
}

function dot(a, b) {
  return a.reduce((sum, value, j) => sum + value * b[j], 0)
}

function mulberry32(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

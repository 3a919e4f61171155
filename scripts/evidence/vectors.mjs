/** Vectors and sets of vectors, in f64: what the measurements of a probe need and no more. */

/** Row-major values as a list of rows. */
export function rowsOf(values, dim) {
  return Array.from({ length: values.length / dim }, (_, i) =>
    Float64Array.from(values.subarray(i * dim, (i + 1) * dim)),
  )
}

export function mean(list) {
  return list[0].map((_, j) => list.reduce((sum, row) => sum + row[j], 0) / list.length)
}

export function difference(a, b) {
  return a.map((value, i) => value - b[i])
}

export function dot(a, b) {
  return a.reduce((sum, value, i) => sum + value * b[i], 0)
}

export function norm(a) {
  return Math.sqrt(dot(a, a))
}

/** An orthonormal basis of the span, Gram and Schmidt twice over. */
export function orthonormal(vectors) {
  const basis = []
  for (const vector of vectors) {
    let rest = vector
    for (let pass = 0; pass < 2; pass++) rest = outside(basis, rest)
    const length = norm(rest)
    if (length > 1e-6) basis.push(rest.map(value => value / length))
  }
  return basis
}

/** The part of a vector that is orthogonal to an orthonormal basis. */
export function outside(basis, vector) {
  const rest = Float64Array.from(vector)
  for (const direction of basis) {
    const along = dot(direction, vector)
    for (let i = 0; i < rest.length; i++) rest[i] -= along * direction[i]
  }
  return rest
}

/** Normal numbers by seed, twelve uniform ones each. */
export function randomRows(count, dim, seed) {
  let state = seed
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
  const normal = () => Array.from({ length: 12 }, uniform).reduce((a, b) => a + b, -6)
  return Array.from({ length: count }, () => Float64Array.from({ length: dim }, normal))
}

/** The leading directions of Cov(x) + Cov(y) with a share of the energy. */
export function principal(sides, energy) {
  const dim = sides[0][0].length
  const sum = Array.from({ length: dim }, () => new Float64Array(dim))
  for (const side of sides) {
    const centre = mean(side)
    for (const row of side) {
      const e = difference(row, centre)
      for (let i = 0; i < dim; i++) for (let j = 0; j < dim; j++) sum[i][j] += (e[i] * e[j]) / side.length
    }
  }
  const { values, vectors } = eigen(sum)
  const wanted = energy * values.reduce((a, b) => a + b, 0)
  let kept = 0
  for (let held = 0; held < wanted; kept++) held += values[kept]
  return vectors.slice(0, kept)
}

/** Eigenvalues, falling, and eigenvectors of a symmetric matrix by Jacobi's rotations. */
function eigen(a) {
  const n = a.length
  const v = Array.from({ length: n }, (_, i) => Float64Array.from({ length: n }, (_, j) => Number(i === j)))
  for (let sweep = 0; sweep < 12; sweep++) {
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        if (Math.abs(a[p][q]) < 1e-15) continue
        const theta = (a[q][q] - a[p][p]) / (2 * a[p][q])
        const t = Math.sign(theta || 1) / (Math.abs(theta) + Math.hypot(theta, 1))
        const c = 1 / Math.hypot(t, 1)
        const s = t * c
        for (let k = 0; k < n; k++) [a[k][p], a[k][q]] = [c * a[k][p] - s * a[k][q], s * a[k][p] + c * a[k][q]]
        for (let k = 0; k < n; k++) [a[p][k], a[q][k]] = [c * a[p][k] - s * a[q][k], s * a[p][k] + c * a[q][k]]
        for (let k = 0; k < n; k++) [v[p][k], v[q][k]] = [c * v[p][k] - s * v[q][k], s * v[p][k] + c * v[q][k]]
      }
    }
  }
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => a[j][j] - a[i][i])
  return { values: order.map(i => a[i][i]), vectors: order.map(i => v[i]) }
}

/** The name that was probably meant, or nothing where none is near. */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  const wanted = plain(name)
  const limit = Math.max(1, Math.floor(wanted.length / 3)) + 0.5
  let best: { candidate: string; distance: number } | undefined
  for (const candidate of candidates) {
    // of two that are as near, people rather miss what does not come first
    const distance = edits(wanted, plain(candidate)) + (plain(candidate)[0] === wanted[0] ? 0 : 0.5)
    if (distance <= limit && (best === undefined || distance < best.distance)) {
      best = { candidate, distance }
    }
  }
  return best?.candidate
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, '')
}

/** Letters to insert, remove, change or swap with their neighbour (optimal string alignment). */
function edits(a: string, b: string): number {
  let before: number[] = []
  let above = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const changed = (above[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swaps = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const swapped = swaps ? (before[j - 2] as number) + 1 : Number.POSITIVE_INFINITY
      row.push(Math.min(changed, swapped, (above[j] as number) + 1, (row[j - 1] as number) + 1))
    }
    before = above
    above = row
  }
  return above[b.length] as number
}

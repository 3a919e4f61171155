import { basename } from 'node:path'
import type { BenchmarkScore } from './score.ts'

/** Scores with the file that they are of. */
export interface ScoredFile {
  score: BenchmarkScore
  path: string
}

/** Names that a comparison has for means over benchmarks. */
const OF_GROUPS = ['general', 'reasoning', 'hallucination', 'all']

/**
 * Scores under names of which no two are equal, so that none takes another's place in a comparison: where several have one name, each
 * gets its file's, then its path, then a number. `of` keeps the name that they share.
 *
 * @param taken names of other results
 */
export function distinctlyNamed(files: readonly ScoredFile[], taken: readonly string[] = []): BenchmarkScore[] {
  const used = new Set([...taken, ...OF_GROUPS])
  return files.map(({ score, path }, i) => {
    const { benchmark: name } = score
    const alike = files.some((other, j) => j !== i && other.score.benchmark === name)
    const stem = basename(path).replace(/\.[^.]+$/, '')
    const wanted = [...(alike ? [] : [name]), ...[stem, path].map(part => `${name} (${part})`)]
    const free = wanted.find(each => !used.has(each)) ?? numbered(`${name} (${path})`, used)
    used.add(free)
    return free === name ? score : { ...score, benchmark: free, ...(alike ? { of: name } : {}) }
  })
}

function numbered(name: string, used: ReadonlySet<string>): string {
  let number = 2
  while (used.has(`${name} ${number}`)) {
    number++
  }
  return `${name} ${number}`
}

import { lettersOf } from '../../text-metrics/choice.ts'
import type { BenchmarkRecord } from './record.ts'

/** Questions that count together: right when all of them are. */
export interface TogetherScore {
  /** Groups of questions. */
  count: number
  /** Share of groups in which every answer is right. */
  accuracy: number
}

/** Records in their groups, by `together`; one that has none is a group of its own. */
export function groupsOf<R extends Pick<BenchmarkRecord, 'together'>>(records: readonly R[]): R[][] {
  const groups = new Map<string | R, R[]>()
  for (const record of records) {
    const key = record.together ?? record
    groups.set(key, [...(groups.get(key) ?? []), record])
  }
  return [...groups.values()]
}

/** Share of groups all of whose answers are right; nothing where no question counts with others. */
export function togetherScore(
  answers: readonly { together?: string | undefined; right: boolean }[],
): TogetherScore | undefined {
  const groups = groupsOf(answers.filter(({ together }) => together !== undefined))
  const right = groups.filter(group => group.every(answer => answer.right)).length
  return groups.length === 0 ? undefined : { count: groups.length, accuracy: right / groups.length }
}

/**
 * Every question of choice as often as it has options, these moved on by one place each time, so that a liking for a
 * letter answers none of them: the circular evaluation of MMBench (arXiv 2307.06281). Questions that count with others
 * already, and those of another kind, stay as they are.
 */
export function rotated<R extends BenchmarkRecord>(records: readonly R[]): R[] {
  return records.flatMap(record => {
    const { id, options = [], answers, kind, together } = record
    if (kind !== 'choice' || together !== undefined) {
      return [record]
    }
    const letters = lettersOf(options)
    return options.map((_, by) => ({
      ...record,
      id: by === 0 ? id : `${id}+${by}`,
      options: [...options.slice(by), ...options.slice(0, by)],
      answers: answers.map(answer => letters.at(letters.indexOf(answer) - by) as string),
      together: id,
    }))
  })
}

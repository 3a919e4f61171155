import type { Progress } from '../results.ts'
import { clock, count } from './print.ts'
import { printableLine } from './printable.ts'

/** How far a command is. */
export interface Shown {
  /** What is being done. */
  stage: string
  /** How much of it is done. */
  done: number
  /** How much there is. */
  total: number
  /** What is counted. */
  unit: string
  /** Seconds since it began. */
  seconds: number
  /** What else there is to tell. @defaultValue how many are done in a second */
  detail?: string
}

/** A bar on stderr, one stage after another. */
export interface Bar {
  /** Whether there is one: stderr is a terminal. */
  readonly visible: boolean
  /** Shows how far a command is. */
  show(shown: Shown): void
  /** Shows how far a job over rows is. */
  update(progress: Progress): void
  /** Takes the bar away. */
  stop(): void
}

/** A bar that says how much is done, how fast, and how long the rest takes; silent where stderr is not a terminal. */
export async function progressBar(): Promise<Bar> {
  if (!process.stderr.isTTY) {
    return { visible: false, show: () => {}, update: () => {}, stop: () => {} }
  }
  const { SingleBar } = await import('cli-progress')
  const bar = new SingleBar({
    stream: process.stderr,
    format: '{name} {bar} {percentage} % of {total} {unit}, {detail}{left}',
    clearOnComplete: true,
    hideCursor: true,
  })
  let current: string | undefined
  let since = { done: 0, seconds: 0 }
  const show = ({ stage, done, total, unit, seconds, detail }: Shown) => {
    const begins = stage !== current || done < since.done
    if (begins) {
      since = { done, seconds }
    }
    const pace = (done - since.done) / (seconds - since.seconds)
    const known = pace > 0 && Number.isFinite(pace)
    const rate = known ? `${count(Math.round(pace))} ${unit}/s` : '–'
    const left = known && done < total ? `, ${clock((total - done) / pace)} left` : ''
    const values = { name: printableLine(stage).padEnd(14), unit, detail: printableLine(detail ?? rate), left }
    if (current === undefined) {
      bar.start(total, done, values)
    } else {
      bar.setTotal(total)
      bar.update(done, values)
    }
    current = stage
  }
  return {
    visible: true,
    show,
    update: ({ stage, rows, total, seconds }) => show({ stage, done: rows, total, unit: 'rows', seconds }),
    stop: () => bar.stop(),
  }
}

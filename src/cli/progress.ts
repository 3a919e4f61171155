import { SingleBar } from 'cli-progress'
import type { Progress } from '../reports.ts'

/** A bar on stderr, one stage after another; silent where stderr is not a terminal. */
export function progressBar() {
  if (!process.stderr.isTTY) {
    return { update: () => {}, stop: () => {} }
  }
  const bar = new SingleBar({
    stream: process.stderr,
    format: '{stage} {bar} {percentage} % of {total} rows, {rate} rows/s',
    clearOnComplete: true,
    hideCursor: true,
  })
  let current: string | undefined
  return {
    update({ stage, rows, total, seconds }: Progress) {
      const payload = { stage: stage.padEnd(14), rate: Math.round(rows / Math.max(seconds, 1e-3)).toLocaleString('en') }
      if (stage === current) {
        bar.update(rows, payload)
      } else {
        bar.stop()
        bar.start(total, rows, payload)
        current = stage
      }
    },
    stop: () => bar.stop(),
  }
}

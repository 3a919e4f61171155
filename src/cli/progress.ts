import type { Progress } from '../reports.ts'
import { count } from './print.ts'

/** A bar on stderr, one stage after another; silent where stderr is not a terminal. */
export async function progressBar() {
  if (!process.stderr.isTTY) {
    return { update: () => {}, stop: () => {} }
  }
  const { SingleBar } = await import('cli-progress')
  const bar = new SingleBar({
    stream: process.stderr,
    format: '{name} {bar} {percentage} % of {total} rows, {rate} rows/s',
    clearOnComplete: true,
    hideCursor: true,
  })
  let current: string | undefined
  let since = 0
  return {
    update({ stage, rows, total, seconds }: Progress) {
      if (stage !== current) {
        const values = { name: stage.padEnd(14), rate: '–' }
        if (current === undefined) {
          bar.start(total, rows, values)
        } else {
          bar.setTotal(total)
          bar.update(rows, values)
        }
        current = stage
        since = seconds
        return
      }
      const rate = seconds > since ? count(Math.round(rows / (seconds - since))) : '–'
      bar.update(rows, { rate })
    },
    stop: () => bar.stop(),
  }
}

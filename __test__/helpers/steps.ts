import { Session } from 'node:inspector/promises'
import { setFlagsFromString } from 'node:v8'

// optimised code that was made before counting began does not count
setFlagsFromString('--no-opt')
setFlagsFromString('--no-maglev')
setFlagsFromString('--no-sparkplug')

/**
 * How often blocks of our own code are run by some work, counted by V8 (precise coverage): a number of steps that does not
 * depend on the machine. What a regular expression does inside is not counted; `patterns.spec.ts` looks at those apart.
 *
 * @param part what the address of a counted module holds
 */
export async function stepsOf(part: string, work: () => void): Promise<number> {
  const session = new Session()
  session.connect()
  try {
    await session.post('Profiler.enable')
    await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
    await session.post('Profiler.takePreciseCoverage')
    work()
    const { result } = await session.post('Profiler.takePreciseCoverage')
    return result
      .filter(({ url }) => url.includes(part))
      .flatMap(({ functions }) => functions.flatMap(({ ranges }) => ranges))
      .reduce((sum, { count }) => sum + count, 0)
  } finally {
    session.disconnect()
  }
}

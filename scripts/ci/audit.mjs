// Runs `npm audit` and fails at every advisory that is not in EXCEPTIONS; an exception that is needed no longer fails, too.
import { spawnSync } from 'node:child_process'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { npmScript } from '../release/npm.mjs'

/** Advisories (GHSA-…) that do not concern us, each with the reason. */
export const EXCEPTIONS = new Map([])

/**
 * What is wrong with a report of `npm audit --json`, in lines.
 *
 * @param exceptions advisories that are let pass, with reasons
 */
export function judge(report, exceptions) {
  if (report.vulnerabilities === undefined) {
    return [`npm audit gave no report: ${report.message ?? report.error?.summary ?? JSON.stringify(report)}`]
  }
  const found = new Map()
  for (const { via } of Object.values(report.vulnerabilities)) {
    // a text names another package of the report, which has the advisory itself
    for (const { url, name, severity, title } of via.filter(item => typeof item === 'object')) {
      found.set(url.split('/').at(-1), `${severity} in ${name}: ${title} (${url})`)
    }
  }
  const open = [...found].filter(([id]) => !exceptions.has(id)).map(([, text]) => text)
  const stale = [...exceptions.keys()]
    .filter(id => !found.has(id))
    .map(id => `${id} is an exception and is not found any more`)
  return [...open, ...stale]
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const cwd = dirname(dirname(import.meta.dirname))
  const { stdout } = spawnSync(process.execPath, [npmScript(), 'audit', '--json'], { cwd, encoding: 'utf8' })
  const faults = judge(JSON.parse(stdout), EXCEPTIONS)
  for (const fault of faults) process.stderr.write(`audit: ${fault}\n`)
  if (faults.length > 0) process.exitCode = 1
  else process.stdout.write(`audit: nothing beyond ${EXCEPTIONS.size} reasoned exceptions\n`)
}

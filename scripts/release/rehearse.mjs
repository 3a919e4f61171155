// Rehearses a release against a registry on loopback: publishes the packages by the script of the release, with an
// interruption, and installs them as users do, with npm, pnpm and yarn, in empty folders.
//
//     node scripts/release/rehearse.mjs [--packed FOLDER]
//
// FOLDER is what pack.mjs wrote. Without it the binary in native/ is packed, with stand-ins for those of other platforms;
// what was built for this platform is run, the others are only chosen and looked at.
import { fork, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { scriptOptions } from '../options.mjs'
import { install, installedPlatforms, MANAGERS } from './installs.mjs'
import { npm, npmScript, run } from './npm.mjs'
import { packAll } from './pack.mjs'
import { platforms, productionPackages, ROOT, readManifest } from './platforms.mjs'
import { workers } from './workers.mjs'

/** Most bytes that a packed platform package and the packed root package may have. */
const BUDGET = { platform: 18.5e6, root: 4e6 }

/** Those of platforms and workers, and the root. */
const PACKAGES = platforms().length + workers().length + 1

const { values } = scriptOptions({ options: { packed: { type: 'string' } } })
const root = readManifest(ROOT)
const wanted = `${root.name}@${root.version}`
const scope = platforms()[0].name.split('/')[0]
const scratch = mkdtempSync(join(tmpdir(), 'modality-gap-rehearsal-'))
let registryProcess
async function rehearse() {
  heading('tools')
  await npm(join(import.meta.dirname, 'tools'), 'ci', '--ignore-scripts', '--no-audit', '--no-fund')
  const registry = await startRegistry()
  const env = await login(registry)
  say(`registry       ${registry}, empty`)
  await publishDependencies(registry, env)

  heading('packages')
  const packed = values.packed === undefined ? join(scratch, 'packed') : resolve(values.packed)
  if (values.packed === undefined) {
    const places = ['--artifacts', join(ROOT, 'native'), '--out', packed]
    await run(process.execPath, [join(import.meta.dirname, 'pack.mjs'), ...places, '--stand-ins'])
  }
  weigh(JSON.parse(readFileSync(join(packed, 'packages.json'), 'utf8')))

  heading('names')
  await bootstrap(registry, env)
  heading('publication')
  await publication(registry, env, packed)
  heading('installation')
  for (const manager of Object.keys(MANAGERS)) await use(manager, { registry, env })
  for (const platform of platforms()) await choose(platform, { registry, env })
  say('\nthe rehearsal went through')
}

/** Starts an empty registry and waits until it listens. */
function startRegistry() {
  const folder = join(scratch, 'registry')
  mkdirSync(folder)
  registryProcess = fork(join(import.meta.dirname, 'registry.mjs'), [folder], { stdio: 'inherit' })
  return new Promise((ready, failed) => {
    registryProcess.once('message', ready)
    registryProcess.once('exit', status => failed(new Error(`the registry stopped with ${status}`)))
  })
}

/** Environment of somebody who may publish there: their own configuration and caches, and nothing of who runs this. */
async function login(registry) {
  const user = { name: 'rehearsal', password: 'on-loopback-only' }
  const answer = await fetch(`${registry}/-/user/org.couchdb.user:${user.name}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(user),
  })
  const { token } = await answer.json()
  const config = join(scratch, 'npmrc')
  const cache = join(scratch, 'cache')
  writeFileSync(config, `registry=${registry}\n${registry.replace('http:', '')}/:_authToken=${token}\ncache=${cache}\n`)
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|NPM_|CARGO|RUST|NODE_|YARN_|COREPACK|INIT_CWD|CI$)/.test(name),
  )
  return {
    ...Object.fromEntries(kept),
    NPM_CONFIG_USERCONFIG: config,
    npm_config_userconfig: config,
    npm_execpath: npmScript(),
    TMPDIR: scratch,
    // caches of pnpm and yarn
    XDG_CACHE_HOME: join(scratch, 'xdg-cache'),
    XDG_DATA_HOME: join(scratch, 'xdg-data'),
    HOME: scratch,
  }
}

/** What users get with the package, from this checkout, so that no other registry is asked. */
async function publishDependencies(registry, env) {
  const folders = productionPackages().map(({ folder }) => folder)
  const packed = await packAll(folders, join(scratch, 'dependencies'))
  for (const { file } of packed) {
    const path = join(scratch, 'dependencies', file)
    await run(process.execPath, [npmScript(), 'publish', path, '--ignore-scripts', '--registry', registry], { env })
  }
  say(`dependencies   ${packed.map(({ name, version }) => `${name}@${version}`).join(', ')}`)
}

/** Holds the sizes of all against the budget; a stand-in weighs nothing and is named. */
function weigh(packages) {
  const over = []
  for (const { name, size, unpackedSize, standIn } of packages) {
    const limit = name === root.name ? BUDGET.root : BUDGET.platform
    const note = standIn ? 'stand-in' : `of at most ${megabytes(limit).trim()} packed`
    say(`${megabytes(size)} packed, ${megabytes(unpackedSize)} installed  ${name}  ${note}`)
    if (size > limit) over.push(name)
  }
  if (over.length > 0) throw new Error(`over the budget of ${import.meta.filename}: ${over.join(', ')}`)
}

async function bootstrap(registry, env) {
  const script = join(import.meta.dirname, 'bootstrap.mjs')
  const counts = []
  for (const flags of [[], ['--publish'], ['--publish']]) {
    const output = await run(process.execPath, [script, '--registry', registry, ...flags], { env })
    counts.push(output.split('\n').filter(line => line.startsWith('publish ')).length)
  }
  expectEqual(counts, [PACKAGES, PACKAGES, 0], 'names that a dry run, a run and a second run find missing')
  say(`bootstrap      dry run names ${PACKAGES}, run publishes ${PACKAGES}, repeated run publishes 0`)
}

/** The release's own script: killed after the third package, repeated to the end, repeated again, then with other content. */
async function publication(registry, env, packed) {
  const first = await publish(registry, env, packed, 3)
  const second = await publish(registry, env, packed)
  const third = await publish(registry, env, packed)
  for (const [what, { published, there }] of Object.entries({ first, second, third })) {
    say(
      `${what.padEnd(14)} ${published.length} published, ${there.length} there already${what === 'first' ? ', killed' : ''}`,
    )
  }
  expectEqual(new Set([...second.published, ...second.there]).size, PACKAGES, 'packages after the repetition')
  expectEqual(second.published.at(-1), wanted, 'the package that is published last')
  expectEqual([third.published.length, third.there.length], [0, PACKAGES], 'a repetition of a whole publication')

  const [other] = await packAll([await otherContent()], join(scratch, 'other'))
  writeFileSync(join(scratch, 'other', 'packages.json'), JSON.stringify([other]))
  const refusal = await publish(registry, env, join(scratch, 'other')).catch(error => error)
  if (!/published with other content/.test(refusal.message))
    throw new Error(`other content was not refused: ${refusal}`)
  say('other content  refused')
}

/** A package of a name and version that is published, with other bytes. */
async function otherContent() {
  const folder = join(scratch, 'other-content')
  mkdirSync(folder)
  const { name, version } = platforms()[0]
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, version }))
  return folder
}

/** Runs the script that publishes; with `stopAfter` ends it, and whatever it started, once so many packages are out. */
function publish(registry, env, packed, stopAfter) {
  const args = [join(import.meta.dirname, 'publish.mjs'), packed, '--registry', registry]
  const group = process.platform !== 'win32'
  const child = spawn(process.execPath, args, { env, detached: group, stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let errors = ''
  const named = what => {
    const lines = out.split('\n').filter(line => line.startsWith(what))
    return lines.map(line => line.slice(what.length).trim())
  }
  return new Promise((done, failed) => {
    child.stderr.setEncoding('utf8').on('data', text => {
      errors += text
    })
    child.stdout.setEncoding('utf8').on('data', text => {
      out += text
      if (named('published').length === stopAfter) {
        if (group) process.kill(-child.pid, 'SIGKILL')
        else child.kill()
      }
    })
    child.on('close', status => {
      if (status === 0 || stopAfter !== undefined)
        done({ published: named('published'), there: named('there already') })
      else failed(new Error(`publish.mjs failed\n${out}${errors}`))
    })
  })
}

/** Installs for this platform and runs it: as a module, by require, in a worker, as a command. */
async function use(manager, options) {
  const folder = join(scratch, `use ${manager}`)
  await install(manager, folder, wanted, options)
  for (const [name, text] of Object.entries(SCRIPTS)) writeFileSync(join(folder, name), text)
  const { node, command, scripts = Object.keys(SCRIPTS) } = MANAGERS[manager]
  const results = []
  for (const name of scripts) {
    results.push((await node(folder, [join(folder, name)], options.env)).trim())
  }
  expectEqual(new Set(results).size, 1, `different results of ${scripts} with ${manager}: ${results}`)
  const { before, after } = JSON.parse(results[0])
  if (!(after < before)) throw new Error(`${manager}: the gap did not shrink, ${results[0]}`)
  const demo = await command(folder, ['modality-gap', 'demo'], options.env)
  if (!/gap/i.test(demo)) throw new Error(`${manager}: the demo printed\n${demo}`)
  say(`${manager.padEnd(14)} installed and used: ${scripts.join(', ')}, demo`)
}

/** Installs for another platform and looks at which package was chosen. */
async function choose({ folder, name, binary, os, cpu, libc }, options) {
  const target = { os, cpu, ...(libc && { libc }) }
  for (const manager of ['npm', 'pnpm', 'yarn']) {
    const place = join(scratch, `${manager} ${folder}`)
    await install(manager, place, wanted, { ...options, target })
    const chosen = installedPlatforms(place, scope)
    expectEqual(
      chosen.map(({ manifest }) => manifest.name),
      [name],
      `what ${manager} chooses for ${folder}`,
    )
    const [{ manifest, files }] = chosen
    expectEqual(
      [manifest.main, manifest.version, files.includes(binary)],
      [binary, root.version, true],
      `${name} by ${manager}`,
    )
  }
  say(`${folder.padEnd(17)} npm, pnpm and yarn choose ${name} and nothing else`)
}

const USE = `
const dim = 8
const rows = (n, shift) => Float32Array.from({ length: n * dim }, (_, i) => Math.sin(i * 1.7 + shift) + (i % dim === shift ? 2 : 0))
const target = await openEmbeddings(rows(40, 1), { dim })
const source = await openEmbeddings(rows(50, 5), { dim })
const { report } = await Aligner.fit({ target, source })
console.log(JSON.stringify(report.gap))
`

const SCRIPTS = {
  'use.mjs': `import { Aligner, openEmbeddings } from 'modality-gap'\n${USE}`,
  'use.cjs': `const { Aligner, openEmbeddings } = require('modality-gap')\nmain()\nasync function main() {\n${USE}}\n`,
  'worker.mjs': `import { Worker } from 'node:worker_threads'\nnew Worker(new URL('./use.mjs', import.meta.url))\n`,
}

function expectEqual(value, expected, what) {
  if (JSON.stringify(value) !== JSON.stringify(expected)) {
    throw new Error(`${what}: ${JSON.stringify(value)} instead of ${JSON.stringify(expected)}`)
  }
}

function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1).padStart(5)} MB`
}

function heading(name) {
  say(`\n== ${name}`)
}

function say(line) {
  process.stdout.write(`${line}\n`)
}

try {
  await rehearse()
} catch (error) {
  process.stderr.write(`rehearsal: ${error.message}\n`)
  process.exitCode = 1
} finally {
  registryProcess?.disconnect()
  rmSync(scratch, { recursive: true, force: true, maxRetries: 3 })
}

// Publishes the nine packages of a release, the platforms first, so that whoever gets the root package finds them:
//
//     node scripts/release/publish.mjs --artifacts FOLDER [--registry URL] [--dry-run] [--provenance]
//
// FOLDER holds the eight binaries, at any depth; dist/ is built. What the registry has already, byte for byte, is left
// as it is, so an interrupted publication is simply repeated; a version that is there with other content stops all.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { npm, npmJson } from './npm.mjs'
import { isStandIn, stageRelease } from './stage.mjs'

/** Packs staged packages into `into`: name, version, file, sizes and hash of each. */
export async function packAll(folders, into) {
  mkdirSync(into, { recursive: true })
  const packed = []
  for (const folder of folders) {
    // scripts are not run: the root's hook is for a checkout, and what is staged is finished
    const output = await npmJson(folder, 'pack', '--json', '--ignore-scripts', '--pack-destination', into)
    const [{ name, version, filename, size, unpackedSize, integrity }] = Object.values(output)
    packed.push({ name, version, file: join(into, filename), size, unpackedSize, integrity, folder })
  }
  return packed
}

/**
 * Publishes packed packages in their order and reports each by a line to `say`.
 *
 * @returns names of the packages that were published now
 */
export async function publishAll(packages, { registry, dryRun = false, provenance = false, say }) {
  const missing = []
  const hashes = await Promise.all(packages.map(item => published(item, registry)))
  for (const [index, item] of packages.entries()) {
    if (isStandIn(item.folder) && !isLoopback(registry)) {
      throw new Error(`${item.name} holds a stand-in for a binary, which goes to a registry on loopback only`)
    }
    const there = hashes[index]
    if (there !== undefined && there !== item.integrity) {
      throw new Error(`${item.name}@${item.version} is published with other content; a version is never replaced`)
    }
    if (there === undefined) missing.push(item)
    else say(`there already  ${item.name}@${item.version}`)
  }
  for (const { name, version, file } of missing) {
    const tag = version.includes('-') ? 'next' : 'latest'
    const options = ['--tag', tag, `--provenance=${provenance && !dryRun}`, ...(dryRun ? ['--dry-run'] : [])]
    await npm(undefined, 'publish', file, '--ignore-scripts', '--access', 'public', ...at(registry), ...options)
    say(`${dryRun ? 'dry run       ' : 'published     '} ${name}@${version}`)
  }
  return missing.map(({ name }) => name)
}

/** Hash of a published version, or undefined when the registry does not have it. */
async function published({ name, version }, registry) {
  try {
    return await npmJson(undefined, 'view', `${name}@${version}`, 'dist.integrity', '--json', ...at(registry))
  } catch (error) {
    if (/\bE404\b/.test(error.message)) return undefined
    throw error
  }
}

function isLoopback(registry) {
  return registry !== undefined && new URL(registry).hostname === '127.0.0.1'
}

function at(registry) {
  return registry === undefined ? [] : ['--registry', registry]
}

async function main() {
  const { values } = parseArgs({
    options: {
      artifacts: { type: 'string' },
      registry: { type: 'string' },
      'dry-run': { type: 'boolean' },
      provenance: { type: 'boolean' },
    },
  })
  if (values.artifacts === undefined) throw new Error('--artifacts FOLDER is missing: the folder with the binaries')
  const scratch = mkdtempSync(join(tmpdir(), 'modality-gap-release-'))
  try {
    const folders = stageRelease({ into: join(scratch, 'stage'), artifacts: resolve(values.artifacts) })
    const packages = await packAll(folders, join(scratch, 'packed'))
    const { registry, 'dry-run': dryRun, provenance } = values
    await publishAll(packages, { registry, dryRun, provenance, say: line => process.stdout.write(`${line}\n`) })
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  main().catch(error => {
    process.stderr.write(`publish: ${error.message}\n`)
    process.exitCode = 1
  })
}

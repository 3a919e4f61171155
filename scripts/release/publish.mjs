// Publishes what pack.mjs packed, the platforms first, so that whoever gets the root package finds them:
//
//     node scripts/release/publish.mjs FOLDER [--registry URL] [--dry-run] [--provenance]
//
// What the registry has already, byte for byte, is left as it is, so an interrupted publication is simply repeated; a
// version that is there with other content stops all before anything is published. Needs Node and npm, nothing installed.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { scriptOptions } from '../options.mjs'
import { npm, npmJson } from './npm.mjs'

const { values, positionals } = scriptOptions({
  allowPositionals: true,
  options: {
    registry: { type: 'string', default: 'https://registry.npmjs.org' },
    'dry-run': { type: 'boolean', default: false },
    provenance: { type: 'boolean', default: false },
  },
})
const { registry, 'dry-run': dryRun, provenance } = values

try {
  if (positionals.length !== 1) throw new Error('one folder is needed, the one that pack.mjs wrote')
  await publishAll(resolve(positionals[0]))
} catch (error) {
  process.stderr.write(`publish: ${error.message}\n`)
  process.exitCode = 1
}

async function publishAll(folder) {
  const packages = JSON.parse(readFileSync(join(folder, 'packages.json'), 'utf8'))
  for (const item of packages) check(item, folder)
  const hashes = await Promise.all(packages.map(published))
  const others = packages.filter(({ integrity }, index) => hashes[index] !== undefined && hashes[index] !== integrity)
  if (others.length > 0) {
    throw new Error(`published with other content, and a version is never replaced: ${others.map(label).join(', ')}`)
  }
  for (const [index, item] of packages.entries()) {
    if (hashes[index] !== undefined) say('there already', item)
    else await publish(item, folder)
  }
}

async function publish(item, folder) {
  const tag = item.version.includes('-') ? 'next' : 'latest'
  const options = ['--access', 'public', '--tag', tag, `--provenance=${provenance && !dryRun}`, '--registry', registry]
  try {
    const file = join(folder, item.file)
    await npm(folder, 'publish', file, '--ignore-scripts', ...options, ...(dryRun ? ['--dry-run'] : []))
  } catch (error) {
    // an interruption may have come after the registry took it
    if (dryRun || (await published(item)) !== item.integrity) throw error
  }
  say(dryRun ? 'dry run' : 'published', item)
}

/** Holds a tarball against the list; stand-ins of a rehearsal stay on this machine. */
function check({ name, file, integrity, standIn }, folder) {
  const hash = createHash('sha512')
    .update(readFileSync(join(folder, file)))
    .digest('base64')
  if (`sha512-${hash}` !== integrity) throw new Error(`${file} is not the file that was packed`)
  if (standIn && new URL(registry).hostname !== '127.0.0.1') {
    throw new Error(`${name} holds a stand-in for a binary, which goes to a registry on loopback only`)
  }
}

/** Hash of a published version, or undefined when the registry does not have it. */
async function published(item) {
  try {
    return await npmJson(undefined, 'view', label(item), 'dist.integrity', '--json', '--registry', registry)
  } catch (error) {
    if (/\bE404\b/.test(error.message)) return undefined
    throw error
  }
}

function label({ name, version }) {
  return `${name}@${version}`
}

function say(what, item) {
  process.stdout.write(`${what.padEnd(14)} ${label(item)}\n`)
}

// Packs the packages of a release into a folder, with a list of them in the order in which they are published:
//
//     node scripts/release/pack.mjs --artifacts FOLDER --out FOLDER [--stand-ins]
//
// The first FOLDER holds the binaries of all platforms and workers, at any depth; dist/ is built, and cargo is there, which knows the licences of the
// crates. With `--stand-ins` a text takes the place of each binary that is not there, for a rehearsal on one machine; such
// packages are published to loopback only.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { scriptOptions } from '../options.mjs'
import { notices } from './notices.mjs'
import { npmJson } from './npm.mjs'
import { artifactsWithStandIns, isStandIn, stageRelease } from './stage.mjs'

/** Packs `folders` into `into`: name, version, file, sizes and hash of each. */
export async function packAll(folders, into) {
  mkdirSync(into, { recursive: true })
  // scripts are not run: the root's hook is for a checkout, and what is staged is finished
  const output = await npmJson(folders[0], 'pack', '--json', '--ignore-scripts', '--pack-destination', into, ...folders)
  return Object.values(output).map(({ name, version, filename, size, unpackedSize, integrity }) => {
    return { name, version, file: filename, size, unpackedSize, integrity }
  })
}

async function main() {
  const { values } = scriptOptions({
    options: { artifacts: { type: 'string' }, out: { type: 'string' }, 'stand-ins': { type: 'boolean' } },
  })
  if (values.artifacts === undefined || values.out === undefined) {
    throw new Error('--artifacts FOLDER (the binaries) and --out FOLDER are needed')
  }
  const scratch = mkdtempSync(join(tmpdir(), 'modality-gap-pack-'))
  try {
    let artifacts = resolve(values.artifacts)
    if (values['stand-ins']) {
      artifactsWithStandIns(artifacts, join(scratch, 'artifacts'))
      artifacts = join(scratch, 'artifacts')
    }
    const folders = stageRelease({ into: join(scratch, 'stage'), artifacts, notices: notices() })
    const packages = await packAll(folders, resolve(values.out))
    const listed = packages.map((item, index) => ({ ...item, standIn: isStandIn(folders[index]) }))
    writeFileSync(join(values.out, 'packages.json'), `${JSON.stringify(listed, undefined, 2)}\n`)
    for (const { name, version } of listed) process.stdout.write(`packed  ${name}@${version}\n`)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  main().catch(error => {
    process.stderr.write(`pack: ${error.message}\n`)
    process.exitCode = 1
  })
}

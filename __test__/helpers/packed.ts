import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { productionPackages } from '../../scripts/release/platforms.mjs'
import { artifactsWithStandIns, stageRelease } from '../../scripts/release/stage.mjs'

const root = join(import.meta.dirname, '..', '..')

/** The name that napi gives this platform's package. */
export const PLATFORM = platformName()

/** The name of this platform's binary. */
export const BINARY = `modality-gap.${PLATFORM}.node`

export interface Packed {
  tarball: string
  files: string[]
}

/** The packages of a release, packed in a folder of their own; nothing in the checkout changes. */
export class PackedRelease {
  readonly root: Packed
  readonly platform: Packed
  readonly #dependencies: string[]
  readonly #scratch: string

  constructor() {
    if (!existsSync(join(root, 'native', BINARY)) || !existsSync(join(root, 'dist', 'index.js'))) {
      throw new Error(`native/${BINARY} or dist/ is missing; run "npm run build" first`)
    }
    this.#scratch = mkdtempSync(join(tmpdir(), 'modality-gap-package-'))
    const stage = join(this.#scratch, 'stage')
    // the other platforms' binaries come from the release workflow; here it only matters that files of their names are there
    const artifacts = join(this.#scratch, 'artifacts')
    artifactsWithStandIns(join(root, 'native'), artifacts)
    stageRelease({ into: stage, artifacts, notices: 'the licences of the crates' })
    this.root = this.#packOne(stage)
    this.platform = this.#packOne(join(stage, 'npm', PLATFORM))
    this.#dependencies = this.#pack(
      stage,
      productionPackages().map(({ folder }) => folder),
    ).map(({ tarball }) => tarball)
  }

  /** A new folder with packages installed and no registry asked: their dependencies are given as tarballs too. */
  install(name: string, packages: readonly Packed[] = [this.root, this.platform]): string {
    const folder = join(this.#scratch, name)
    mkdirSync(folder)
    writeFileSync(join(folder, 'package.json'), '{ "name": "user", "private": true }')
    const tarballs = packages.map(({ tarball }) => tarball)
    this.#npm(folder, 'install', '--offline', '--no-audit', '--no-fund', ...tarballs, ...this.#dependencies)
    return folder
  }

  /** The environment of a user who has Node and no Rust. */
  get env(): NodeJS.ProcessEnv {
    const bin = join(this.#scratch, 'bin')
    const hasCargo = (folder: string) => ['cargo', 'cargo.exe'].some(name => existsSync(join(folder, name)))
    const { PATH = '' } = process.env
    const folders = [dirname(process.execPath), ...PATH.split(delimiter)].filter(folder => !hasCargo(folder))
    if (process.platform !== 'win32' && !existsSync(bin)) {
      // node alone, should it stand in one folder with cargo
      mkdirSync(bin)
      symlinkSync(process.execPath, join(bin, 'node'))
    }
    const removed = /^(npm_|CARGO|RUSTUP|NODE_OPTIONS|INIT_CWD)/
    const kept = Object.entries(process.env).filter(([name]) => !removed.test(name))
    return { ...Object.fromEntries(kept), PATH: [bin, ...folders].join(delimiter) }
  }

  /** Removes the packages and every folder that they were installed in. */
  remove(): void {
    rmSync(this.#scratch, { recursive: true, force: true })
  }

  #packOne(folder: string): Packed {
    const [packed] = this.#pack(folder, [])
    if (packed === undefined) throw new Error(`npm packed nothing in ${folder}`)
    return packed
  }

  /** Packs `folders`, or the working folder when there are none. */
  #pack(cwd: string, folders: string[]): Packed[] {
    const output = this.#npm(cwd, 'pack', '--json', '--ignore-scripts', '--pack-destination', this.#scratch, ...folders)
    const packed = Object.values<{ filename: string; files: { path: string }[] }>(JSON.parse(output))
    return packed.map(({ filename, files }) => ({
      tarball: join(this.#scratch, filename),
      files: files.map(({ path }) => path),
    }))
  }

  #npm(folder: string, ...args: string[]): string {
    return execFileSync(process.execPath, [npmScript(), ...args], {
      cwd: folder,
      encoding: 'utf8',
      env: this.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    }).trim()
  }
}

function npmScript(): string {
  const beside = dirname(process.execPath)
  const { npm_execpath: running = '' } = process.env
  const candidates = [
    running,
    join(beside, '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js'),
    join(beside, 'node_modules', 'npm', 'bin', 'npm-cli.js'),
  ]
  const found = candidates.find(path => path.endsWith('.js') && existsSync(path))
  if (found === undefined) throw new Error('npm was not found beside node; run this through "npm test"')
  return found
}

/** The name that napi gives this platform's package. */
function platformName(): string {
  const { arch } = process
  if (process.platform === 'win32') return `win32-${arch}-msvc`
  if (process.platform !== 'linux') return `${process.platform}-${arch}`
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } }
  return `linux-${arch}-${header.glibcVersionRuntime === undefined ? 'musl' : 'gnu'}`
}

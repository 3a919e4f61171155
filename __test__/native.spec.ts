import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Script } from 'node:vm'
import test from 'ava'
import { loadFailure, native, PLATFORMS } from '../src/native.ts'
import { modalityGap, node } from './helpers/cli.ts'

const root = join(import.meta.dirname, '..')
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

function missing(message: string): Error {
  return Object.assign(new Error(message), { code: 'MODULE_NOT_FOUND' })
}

test('the native code is that of this version', t => {
  t.is(native.version(), manifest.version)
  t.true(native.supported().threads >= 1)
})

test('the loader is CommonJS, which test runners with a module system of their own can require', t => {
  const loader = readFileSync(join(root, 'native', 'binding.cjs'), 'utf8')
  t.notThrows(() => new Script(`(function (exports, require, module, __filename, __dirname) {${loader}\n})`))
})

test('the level of the kernels is the one that was asked for', async t => {
  const binding = join(root, 'native', 'binding.cjs')
  const script = `process.stdout.write(require(${JSON.stringify(binding)}).supported().simd)`
  const args = ['--input-type=commonjs', '-e', script]
  const scalar = await node(args, { env: { MODALITY_GAP_SIMD: 'scalar' } })
  t.is(scalar.stdout, 'scalar', scalar.stderr)
  const own = await node(args)
  t.is(own.stdout, native.supported().simd, own.stderr)
  const { code, stderr } = await modalityGap(['demo'], { env: { MODALITY_GAP_SIMD: 'sse9' } })
  t.not(code, 0)
  t.regex(stderr, /unknown MODALITY_GAP_SIMD `sse9`; expected scalar, neon, avx2, avx512/)
})

test('the platforms named in a failure are those that are published', t => {
  const names: Record<string, string> = {
    'apple-darwin': 'darwin',
    'pc-windows-msvc': 'win32',
    'unknown-linux': 'linux',
  }
  const published = manifest.napi.targets.map((target: string) => {
    const [, cpu, system, abi] = /^([^-]+)-(unknown-linux|apple-darwin|pc-windows-msvc)-?(.*)$/.exec(target) ?? []
    const arch = cpu === 'x86_64' ? 'x64' : 'arm64'
    const suffix = system === 'pc-windows-msvc' ? '-msvc' : abi ? `-${abi}` : ''
    return `${names[system as string]}-${arch}${suffix}`
  })
  t.deepEqual(new Set(PLATFORMS as readonly string[]), new Set(published))
})

test('a package that was not installed is named, with what to do', t => {
  const cause = new Error('Cannot find native binding.', { cause: missing('Cannot find module x') })
  const error = loadFailure(cause, 'linux-x64-gnu')
  t.is(error.code, 'NATIVE_UNAVAILABLE')
  t.is(error.cause, cause)
  t.regex(error.message, /on linux-x64-gnu\n {2}cause: @modality-gap\/binding-linux-x64-gnu is not installed\n/)
  t.regex(error.message, /supported: linux-x64-gnu, .*win32-arm64-msvc\n/)
  t.regex(error.message, /--include=optional/)
  t.regex(error.message, /modality-gap\/transform/)
})

test('the reason of a file that does not load is not hidden behind the missing ones', t => {
  const reason = new Error('/lib/libc.so.6: version `GLIBC_2.39` not found\nRequire stack: …')
  const cause = new Error('Cannot find native binding.', { cause: Object.assign(missing('x'), { cause: reason }) })
  const { message } = loadFailure(cause, 'linux-x64-gnu')
  t.regex(message, /cause: \/lib\/libc\.so\.6: version `GLIBC_2\.39` not found\n/)
  t.regex(message, /reinstall/)
})

test('a platform that is not published is advised to build', t => {
  t.regex(loadFailure(missing('x'), 'freebsd-x64').message, /build the native code from the source/)
})

test('one file loads from the native folder, and one names its types', t => {
  const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter(name =>
    name.endsWith('.ts'),
  )
  const importers = files.filter(name => readFileSync(join(root, 'src', name), 'utf8').includes("'../native/"))
  t.deepEqual(importers.sort(), ['native.ts', 'results.ts'])
  const types = readFileSync(join(root, 'src/results.ts'), 'utf8')
  const statements = types.match(/^(import|export)\b.*/gm) ?? []
  t.true(statements.length > 0)
  t.deepEqual(
    statements.filter(line => !/^(import|export) (type|interface)\b/.test(line)),
    [],
  )
})

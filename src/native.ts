import { createRequire } from 'node:module'
import type * as generated from '../native/binding.js'
import type { Given, Job, ReadOptions, Reports, StepSpec } from '../native/types.js'
import { ModalityGapError } from './errors.ts'

export type {
  AnswerPiece,
  CancelToken,
  NativeAligner,
  NativeEncoder,
  NativeLock,
  NativeModel,
  NativeObject,
  NativeRows,
  NativeTracker,
  ProbeEvent,
  Source,
} from '../native/binding.js'
export type * from '../native/types.js'

/** How rows are taken in, on disk or in memory. */
export type SourceOptions = Given<ReadOptions>

/** What rows of a step are. */
export type TrackedName = StepSpec['names'][number]

/** What a job gives back: its report, and the aligner's file when it fitted one. */
export interface JobResult<K extends Job['kind']> {
  report: Reports[K]
  aligner?: Uint8Array
}

/** Platforms that the native code is published for, as npm names them. */
export const PLATFORMS = [
  'linux-x64-gnu',
  'linux-arm64-gnu',
  'linux-x64-musl',
  'linux-arm64-musl',
  'darwin-x64',
  'darwin-arm64',
  'win32-x64-msvc',
  'win32-arm64-msvc',
] as const

/** What `MODALITY_GAP_SIMD` may ask for. */
const SIMD_LEVELS = ['scalar', 'neon', 'avx2', 'avx512']

/** The native module, loaded once. */
export const native: typeof generated = load()

function load(): typeof generated {
  const { MODALITY_GAP_SIMD: level = '' } = process.env
  if (level !== '' && !SIMD_LEVELS.includes(level)) {
    throw new ModalityGapError(
      'BAD_OPTION',
      `unknown MODALITY_GAP_SIMD \`${level}\`; expected ${SIMD_LEVELS.join(', ')}`,
    )
  }
  try {
    // require, because a failed import statement could not be reported and an awaited one would lock out CommonJS users
    return createRequire(import.meta.url)('../native/binding.cjs')
  } catch (cause) {
    throw loadFailure(cause, hostPlatform())
  }
}

/** The report of a failed load: for which platform, why, and what to do. */
export function loadFailure(cause: unknown, platform: string): ModalityGapError {
  const reason = rootCause(cause)
  const advice = !(PLATFORMS as readonly string[]).includes(platform)
    ? 'build the native code from the source repository'
    : reason
      ? 'reinstall the package; if that does not help, report this with the cause above'
      : `install it with optional dependencies for this platform (npm install --include=optional; a lock file or \
node_modules folder from another platform has to be made anew), or run "npm run build" in a checkout`
  return new ModalityGapError(
    'NATIVE_UNAVAILABLE',
    `the native code could not be loaded on ${platform}
  cause: ${reason ?? `@modality-gap/binding-${platform} is not installed`}
  supported: ${PLATFORMS.join(', ')}
  what to do: ${advice}; the entry "modality-gap/transform" applies saved aligners without native code`,
    { cause },
  )
}

/** The first reason in the chain of causes that is more than a missing module. */
function rootCause(error: unknown): string | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    const missing = (at as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND'
    if (!missing && !at.message.startsWith('Cannot find native binding')) {
      return at.message.split('\n', 1)[0]
    }
  }
  return undefined
}

function hostPlatform(): string {
  const { platform, arch } = process
  const abi = platform === 'linux' ? (isMusl() ? '-musl' : '-gnu') : platform === 'win32' ? '-msvc' : ''
  return `${platform}-${arch}${abi}`
}

function isMusl(): boolean {
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined
  return report?.header !== undefined && report.header.glibcVersionRuntime === undefined
}

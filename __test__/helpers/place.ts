import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'

/** A folder of its own for a test, removed when the test has ended. */
export function folderOf(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'modality-gap-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** The sample that ships with the package. */
export const SAMPLE = join(import.meta.dirname, '..', '..', 'samples', 'emoji')

/** What the README of the sample says about itself, of a line of its first table. */
export function statedOf(property: string): string {
  const readme = readFileSync(join(SAMPLE, 'README.md'), 'utf8')
  const line = readme.split('\n').find(line => line.startsWith(`| ${property} |`))
  return line?.split('|')[2]?.trim() ?? ''
}

const CLIP = join(import.meta.dirname, '..', '..', '..', 'shared', 'data', 'mind-the-gap-clip.npy')

/** The 500 CLIP pairs that stand beside a development checkout, or nothing. */
export const clipPairs = existsSync(CLIP) ? CLIP : undefined

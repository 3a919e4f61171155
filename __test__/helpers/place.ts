import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'

/** A folder of its own for a test, removed when the test has ended. */
export function folderOf(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'modality-gap-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** The sample of emoji that ships with the package. */
export const SAMPLE = join(import.meta.dirname, '..', '..', 'samples', 'emoji')

/** What the README of the sample says about itself, of a line of its first table. */
export function statedOf(property: string): string {
  const readme = readFileSync(join(SAMPLE, 'README.md'), 'utf8')
  const line = readme.split('\n').find(line => line.startsWith(`| ${property} |`))
  return line?.split('|')[2]?.trim() ?? ''
}

/** The sample of 500 pairs of MS-COCO in CLIP ViT-B/32. */
export const COCO_CLIP = join(import.meta.dirname, '..', '..', 'samples', 'coco-clip')

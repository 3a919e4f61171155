import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { modalityGap } from './helpers/cli.ts'
import { writeNpy } from './helpers/npy.ts'
import { folderOf } from './helpers/place.ts'
import { someRows } from './helpers/rows.ts'

const PAGE = readFileSync(join(import.meta.dirname, '..', 'docs', 'statistics.md'), 'utf8')
const DIM = 4
/** Keys that are not statistics: counts, lengths of stored rows, words, what a report draws. */
const NO_STATISTICS = [
  'dim',
  'rows',
  'dropped',
  'norms',
  'groups',
  'inSample',
  'held',
  'sampled',
  'diagnosis',
  'figures',
]
/** Names of the sides, and of the directions of search. */
const SIDES = /\.(image|text|textToImage|imageToText)(?=\.|$)/g

/** Names in the first column of the table by statistic; those without a dot are in the place of the first one's last part. */
function named(page: string): string[] {
  const [, table = ''] = page.split('## By statistic')
  const rows = table.split('\n').filter(line => line.startsWith('| `'))
  return rows.flatMap(line => {
    const names = [...(line.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => name as string)
    const part = names[0]?.includes('.') ? `${names[0].split('.').slice(0, -1).join('.')}.` : ''
    return names.map(name => (name.includes('.') ? name : `${part}${name}`))
  })
}

/** Paths of all values of a report, without the names of the sides. */
function paths(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return [path.replace(SIDES, '')]
  }
  return Object.entries(value).flatMap(([key, inner]) => paths(inner, path === '' ? key : `${path}.${key}`))
}

async function run(t: ExecutionContext, args: readonly string[]): Promise<unknown> {
  const { stdout, stderr, code } = await modalityGap(args)
  t.is(code, 0, stderr)
  return args.includes('--json') ? JSON.parse(stdout) : stdout
}

test('the page says of every number that a measurement prints what its bias is, what chance gives and when to read it', async t => {
  const folder = folderOf(t)
  const at = (name: string) => join(folder, name)
  for (const [name, rows, seed] of [
    ['image', 240, 1],
    ['text', 240, 2],
    ['otherImage', 80, 3],
    ['otherText', 80, 4],
    ['fewImage', 3, 5],
    ['fewText', 3, 6],
  ] as const) {
    writeNpy(at(`${name}.npy`), someRows(rows, DIM, seed), [rows, DIM])
  }
  const sides = ['--image', at('image.npy'), '--text', at('text.npy')]
  const others = ['--image', at('otherImage.npy'), '--text', at('otherText.npy')]
  await run(t, ['fit', ...others, '--out', at('aligner.safetensors')])
  await run(t, ['measure', ...others, '--save-frame', at('frame.safetensors'), '--parts', 'causes'])
  const reports = []
  for (const args of [
    [...sides, '--paired'],
    [...sides, '--captions-per-image', '5', '--rank', '2'],
    [...sides, '--paired', '--aligner', at('aligner.safetensors'), '--frame', at('frame.safetensors')],
    ['--image', at('fewImage.npy'), '--text', at('fewText.npy')],
    ['--image', at('fewImage.npy'), '--text', at('fewText.npy'), '--paired'],
  ]) {
    reports.push(await run(t, ['measure', ...args, '--json']))
  }
  const printed = [...new Set(reports.flatMap(report => paths(report)))].filter(
    path => !NO_STATISTICS.includes(path.split('.')[0] as string),
  )
  const known = named(PAGE)
  const covers = (name: string) => (path: string) => path === name || path.startsWith(`${name}.`)
  t.deepEqual(
    printed.filter(path => !known.some(name => covers(name)(path))),
    [],
    'printed, and not on the page',
  )
  t.deepEqual(
    known.filter(name => !/^(transform|tracker)/.test(name) && !printed.some(covers(name))),
    [],
    'on the page, and not printed',
  )
  t.true(known.length > 60 && printed.length > 60)
})

import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { modalityGap } from './helpers/cli.ts'
import { halves, writeNpy } from './helpers/npy.ts'
import { folderOf } from './helpers/place.ts'
import { someRows } from './helpers/rows.ts'

const DIM = 8
const COUNT = 20
const GOOD = someRows(COUNT, DIM, 1)

function with_(row: number, change: (values: Float32Array) => void): Float32Array {
  const rows = Float32Array.from(GOOD)
  change(rows.subarray(row * DIM, (row + 1) * DIM))
  return rows
}

const header = (descr: string, shape: string) => `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`

/** What stands at the path of the text rows, and what the one line has to name. */
const BAD: Record<string, { make: (path: string) => void; names: RegExp[] }> = {
  NaN: {
    make: path =>
      writeNpy(
        path,
        with_(7, v => v.fill(Number.NaN, 3, 4)),
        [COUNT, DIM],
      ),
    names: [/not finite/, /column 3/, /row 7\)/, /--on-bad-row drop/],
  },
  Inf: {
    make: path =>
      writeNpy(
        path,
        with_(0, v => v.fill(Number.POSITIVE_INFINITY, 0, 1)),
        [COUNT, DIM],
      ),
    names: [/not finite/, /row 0\)/],
  },
  'Inf in f16': {
    make: path => writeNpy(path, halves(with_(19, v => v.fill(1e6, 0, 1))), [COUNT, DIM]),
    names: [/not finite/, /row 19\)/],
  },
  'a zero row': {
    make: path =>
      writeNpy(
        path,
        with_(5, v => v.fill(0)),
        [COUNT, DIM],
      ),
    names: [/length is zero/, /row 5\)/],
  },
  'another width than the images': {
    make: path => writeNpy(path, GOOD, [COUNT * 2, DIM / 2]),
    names: [/4 columns/, /8/],
  },
  'no rows': { make: path => writeNpy(path, new Float32Array(0), [0, DIM]), names: [/no row/] },
  'an empty file': { make: path => writeFileSync(path, ''), names: [] },
  'a truncated file': {
    make: path => writeNpy(path, GOOD.subarray(0, 10 * DIM), [COUNT, DIM], header('<f4', `(${COUNT}, ${DIM})`)),
    names: [/truncated|bytes/],
  },
  'a wrong magic': { make: path => writeFileSync(path, 'PK not an array at all, whatever its name'), names: [] },
  'an object dtype': {
    make: path => writeNpy(path, GOOD, [COUNT, DIM], header('|O', `(${COUNT}, ${DIM})`)),
    names: [/\|O|object/],
  },
  'a nonsense header': { make: path => writeNpy(path, GOOD, [COUNT, DIM], '{"what": 1}'), names: [] },
}

for (const [name, { make, names }] of Object.entries(BAD)) {
  test(`bad input: ${name}`, async t => {
    const folder = folderOf(t)
    const image = writeNpy(join(folder, 'image.npy'), GOOD, [COUNT, DIM])
    const text = join(folder, 'text.npy')
    make(text)
    const out = join(folder, 'out')
    const { code, stdout, stderr } = await modalityGap(['align', '--image', image, '--text', text, '--out', out])
    t.is(code, 1)
    t.is(stdout, '')
    t.regex(stderr, /^modality-gap: [^\n]+\n$/, 'one line')
    t.true(stderr.includes(text), 'names the file')
    for (const expected of names) {
      t.regex(stderr, expected)
    }
    t.deepEqual(readdirSync(folder).sort(), ['image.npy', 'text.npy'], 'nothing left behind')
  })
}

test('shards of one source that differ in width', async t => {
  const folder = folderOf(t)
  mkdirSync(join(folder, 'text'))
  const image = writeNpy(join(folder, 'image.npy'), GOOD, [COUNT, DIM])
  writeNpy(join(folder, 'text', '0.npy'), GOOD, [COUNT, DIM])
  const odd = writeNpy(join(folder, 'text', '1.npy'), GOOD, [COUNT * 2, DIM / 2])
  const args = ['align', '--image', image, '--text', join(folder, 'text'), '--out', join(folder, 'out')]
  const { code, stderr } = await modalityGap(args)
  t.is(code, 1)
  t.regex(stderr, /^modality-gap: .*4 columns.*\n$/)
  t.true(stderr.includes(odd))
})

test('a file that is not there', async t => {
  const folder = folderOf(t)
  const { code, stderr } = await modalityGap(['inspect', join(folder, 'none.npy')])
  t.is(code, 1)
  t.is(stderr, `modality-gap: no such file or folder (${join(folder, 'none.npy')}): check the path\n`)
})

test('a file that may not be read', async t => {
  const folder = folderOf(t)
  const path = writeNpy(join(folder, 'rows.npy'), GOOD, [COUNT, DIM])
  chmodSync(path, 0)
  const { code, stderr } = await modalityGap(['inspect', path])
  if (process.getuid?.() === 0) {
    t.log('the superuser may read everything, so a folder in place of a file stands for an unreadable one')
    mkdirSync(join(folder, 'folder.npy'))
    const other = await modalityGap([
      'transform',
      '--aligner',
      join(folder, 'folder.npy'),
      '--in',
      path,
      '--out',
      folder,
    ])
    t.is(other.code, 1)
    t.regex(other.stderr, /^modality-gap: cannot be read: [^\n]+\n$/)
    return
  }
  t.is(code, 1)
  t.regex(stderr, /^modality-gap: cannot be read: [^\n]+\n$/)
})

test('bad rows that are dropped are counted, and the output has the others', async t => {
  const folder = folderOf(t)
  const image = writeNpy(join(folder, 'image.npy'), GOOD, [COUNT, DIM])
  const rows = with_(7, v => v.fill(Number.NaN))
  rows.fill(0, 9 * DIM, 10 * DIM)
  const text = writeNpy(join(folder, 'text.npy'), rows, [COUNT, DIM])
  const args = [
    'align',
    '--image',
    image,
    '--text',
    text,
    '--out',
    join(folder, 'out'),
    '--on-bad-row',
    'drop',
    '--json',
  ]
  const { code, stdout, stderr } = await modalityGap(args)
  t.is(code, 0, stderr)
  t.like(JSON.parse(stdout), { rows: { image: COUNT, text: COUNT - 2 }, dropped: { image: 0, text: 2 } })
  const moved = await modalityGap(['inspect', join(folder, 'out', 'text.npy'), '--json'])
  t.like(JSON.parse(moved.stdout), { rows: COUNT - 2, badRows: { count: 0 } })
})

test('output that cannot be written', async t => {
  const folder = folderOf(t)
  const path = writeNpy(join(folder, 'rows.npy'), GOOD, [COUNT, DIM])
  const { code, stderr } = await modalityGap(['convert', '--in', path, '--out', join(path, 'below'), '--dtype', 'f64'])
  t.is(code, 1)
  t.regex(stderr, /^modality-gap: [^\n]*cannot be written[^\n]*\n$/)
})

test('a task that is not JSON, not there, or makes no sense', async t => {
  const folder = folderOf(t)
  const file = join(folder, 'spec.json')
  writeFileSync(file, '{')
  const broken = await modalityGap(['task', file])
  t.is(broken.code, 1)
  t.regex(broken.stderr, /^modality-gap: not JSON: [^\n]*spec\.json[^\n]*\n$/)
  const absent = await modalityGap(['task', join(folder, 'none.json')])
  t.is(absent.code, 1)
  t.regex(absent.stderr, /^modality-gap: no such file \([^\n]*none\.json\): check the path\n$/)
  writeFileSync(file, '{"task":"dance"}')
  t.is((await modalityGap(['task', file])).code, 2)
})

test('a message that says what to choose is the only advice', async t => {
  const folder = join(import.meta.dirname, '..', 'crates', 'shards', 'tests', 'fixtures', 'rows', 'hf-dict')
  const { code, stderr } = await modalityGap(['inspect', folder])
  t.is(code, 1)
  t.regex(
    stderr,
    /is a DatasetDict, whose splits are not put together; choose one by the option split \(train, test\), or name [^\n]*train or [^\n]*\([^\n]*hf-dict\)\n$/,
  )
})

import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { openEmbeddings } from '../src/embeddings.ts'
import { inspect } from '../src/inspect.ts'
import { measureGap } from '../src/measure.ts'
import { modalityGap } from './helpers/cli.ts'
import { writeNpy } from './helpers/npy.ts'
import { folderOf } from './helpers/place.ts'
import { someRows } from './helpers/rows.ts'

/** Layouts that Hugging Face's libraries read, and the rows that these give: make_splits.py. */
const LAYOUTS = join(import.meta.dirname, '..', 'crates', 'shards', 'tests', 'fixtures', 'splits')
const EXPECTED: Record<string, Record<string, number[]>> = JSON.parse(
  readFileSync(join(LAYOUTS, 'expected.json'), 'utf8'),
)

test('the rows of a split are those of the library, for the API and the command', async t => {
  for (const [layout, splits] of Object.entries(EXPECTED)) {
    const path = join(LAYOUTS, layout)
    for (const [split, right] of Object.entries(splits)) {
      t.is((await openEmbeddings(path, { split })).rows, right.length, `${layout} ${split}`)
      const { code, stdout } = await modalityGap(['inspect', path, '--split', split, '--json'])
      t.is(code, 0)
      t.is(JSON.parse(stdout).rows, right.length)
    }
    await t.throwsAsync(openEmbeddings(path, { split: 'holdout' }), { code: 'BAD_SELECTOR' })
  }
})

test('a split that is not there, and one of what has none, are refused with what to do', async t => {
  const saved = join(LAYOUTS, 'saved')
  const absent = await modalityGap(['inspect', saved, '--split', 'validation'])
  t.is(absent.code, 1)
  t.regex(absent.stderr, /^modality-gap: has no split "validation"; expected train or test \([^\n]*saved\)\n$/)
  const folder = folderOf(t)
  writeNpy(join(folder, 'a.npy'), someRows(4, 3, 1), [4, 3])
  const none = await modalityGap(['inspect', folder, '--split', 'train'])
  t.is(none.code, 1)
  t.regex(none.stderr, /says nothing of splits, so that "train" chooses nothing; leave the split out/)
  const several = await modalityGap(['inspect', saved])
  t.regex(several.stderr, /choose one by the option split \(train, test\)/)
  const rows = new Float32Array(6)
  await t.throwsAsync(openEmbeddings(rows, { dim: 3, split: 'train' }), {
    code: 'BAD_OPTION',
    message: /rows in files/,
  })
  for (const split of ['', 3, null]) {
    await t.throwsAsync(openEmbeddings(saved, { split: split as string }), { code: 'BAD_OPTION', message: /split/ })
  }
})

test('every command reads the split as if its files were named', async t => {
  const folder = folderOf(t)
  const at = (...names: string[]) => join(folder, ...names)
  for (const [side, seed] of [
    ['image', 1],
    ['text', 2],
  ] as const) {
    mkdirSync(at(side))
    writeNpy(at(side, 'train_0.npy'), someRows(80, 6, seed), [80, 6])
    writeNpy(at(side, 'val_0.npy'), someRows(60, 6, seed + 2), [60, 6])
  }
  const both = (image: string, text: string) => ['--image', image, '--text', text]
  const whole = both(at('image'), at('text'))
  const named = both(at('image', 'val_0.npy'), at('text', 'val_0.npy'))
  const split = ['--split', 'validation']
  const same = async (command: string[], chosen: string[], files: string[], more: string[] = []) => {
    const results = []
    for (const args of [[...chosen, ...split], files]) {
      const { code, stdout, stderr } = await modalityGap([...command, ...args, ...more, '--json'])
      t.is(code, 0, stderr)
      results.push(
        JSON.parse(stdout, (key, value) => (/seconds|[pP]eak|outputs|file|path|shards/.test(key) ? undefined : value)),
      )
    }
    t.deepEqual(results[0], results[1], command.join(' '))
  }
  await same(['measure', '--paired'], whole, named)
  await same(['compare', '--paired', '--methods', 'none,realign'], whole, named)
  await same(['align', '--overwrite', '--out', at('aligned')], whole, named)
  await same(['fit', '--overwrite', '--out', at('a.safetensors')], whole, named)
  const aligner = ['--aligner', at('a.safetensors'), '--overwrite', '--out', at('moved')]
  await same(['transform', ...aligner], ['--in', at('text')], ['--in', at('text', 'val_0.npy')])
  const converted = ['convert', '--overwrite', '--out', at('converted')]
  await same(converted, ['--in', at('image')], ['--in', at('image', 'val_0.npy')])
  await same(['inspect'], [at('image')], [at('image', 'val_0.npy')])
  await same(['analyze', 'sample-size', '--sizes', '20', '--trials', '2'], whole, named)
  const domain = (name: string) => ['image', 'text'].map(side => at(side, name)).join()
  const other = `b=${domain('val_0.npy')}`
  await same(
    ['analyze', 'domains'],
    ['--domain', `a=${domain('')}`, other],
    ['--domain', `a=${domain('val_0.npy')}`, other],
  )
  const rows = (name: string) => ['--rows', `i=${at('image', name)}`, `t=${at('text', name)}`]
  await same(['analyze', 'modalities'], rows(''), rows('val_0.npy'))
  const corpus = (name: string) => ['--image', at('image', name), '--corpus', `c=${at('text', name)}`]
  await same(['analyze', 'captions'], corpus(''), corpus('val_0.npy'))
  // without it nothing is chosen
  t.is((await modalityGap(['measure', ...whole])).code, 1)
})

test('sides may be of different splits', async t => {
  const path = join(LAYOUTS, 'saved')
  const image = await openEmbeddings(path, { split: 'train' })
  const text = await openEmbeddings(path, { split: 'test' })
  t.deepEqual((await measureGap({ image, text })).rows, { image: 5, text: 3 })
  t.is((await inspect(text)).shards.length, 1)
})

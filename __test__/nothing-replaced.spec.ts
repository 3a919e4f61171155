import { copyFileSync, existsSync, linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { claimPlaces } from '../src/claim.ts'
import {
  Aligner,
  convert,
  measureGap,
  openEmbeddings,
  projectionParquet,
  runTask,
  Tracker,
  writeCharts,
  writeReport,
} from '../src/index.ts'
import { modalityGap } from './helpers/cli.ts'
import { COLUMNS, COMMANDS, filesIn, prepared, rows, SIDES, succeeds, TRACK } from './helpers/outputs.ts'

for (const [name, command] of Object.entries(COMMANDS)) {
  test(`${name} replaces nothing without --overwrite`, async t => {
    const folder = await prepared(t)
    const out = join(folder, 'out')
    mkdirSync(out)
    await succeeds(t, folder, command)
    // an earlier result, and any file of somebody else in its place
    const written = filesIn(out).filter(file => !/_run|_cache|config\.json|stage\.json|trainer_state/.test(file))
    t.true(written.length > 0)
    const before = written.map(file => readFileSync(join(out, file)))
    const again = await modalityGap(command, { cwd: folder })
    t.is(again.code, 2, again.stderr)
    t.regex(again.stderr, /--overwrite/)
    t.regex(again.stderr, /out/)
    t.deepEqual(
      written.map(file => readFileSync(join(out, file))),
      before,
    )
    const [first] = written as [string]
    await succeeds(t, folder, [...command, '--overwrite'])
    t.true(existsSync(join(out, first)))
    t.deepEqual(
      filesIn(out).filter(file => file.endsWith('.tmp')),
      [],
    )
  })
}

test('places that are there are refused, unless they may be replaced', async t => {
  const folder = await prepared(t)
  const [there, free] = [join(folder, 'there'), join(folder, 'free')]
  writeFileSync(there, 'mine')
  await t.throwsAsync(claimPlaces([free, there], {}), { code: 'BAD_OPTION', message: /there: it exists already/ })
  await t.notThrowsAsync(claimPlaces([free], {}))
  await t.notThrowsAsync(claimPlaces([free, there], { overwrite: true }))
})

test('a file of somebody else is not replaced by what is written under its name', async t => {
  const folder = await prepared(t)
  const notes = join(folder, 'notes')
  const text = 'not ours'
  const refused = async (args: readonly string[]) => {
    writeFileSync(notes, text)
    const { code, stderr } = await modalityGap(args, { cwd: folder })
    t.not(code, 0, `${args.join(' ')}: ${stderr}`)
    t.is(readFileSync(notes, 'utf8'), text, args.join(' '))
  }
  await refused(['fit', ...SIDES, '--out', 'notes'])
  await refused(['fit', ...SIDES, '--out', 'notes', '--resume', '--work', 'work'])
  await refused([...TRACK, '--out', 'notes'])
  await refused([...TRACK, '--out', 'notes', '--overwrite'])
  await refused([...TRACK, '--state', 'notes'])
  await refused(['measure', ...SIDES, '--save-frame', 'notes'])
  await refused(['measure', ...SIDES, '--html', 'notes'])
  await refused(['align', ...SIDES, '--out', 'notes'])
  mkdirSync(join(folder, 'out', 'img_emb'), { recursive: true })
  const foreign = join(folder, 'out', 'img_emb', 'img_emb_0.npy')
  writeFileSync(foreign, text)
  const embed = [
    'encoder',
    'embed',
    '--encoder',
    'trained',
    '--data',
    'pictures/pairs.jsonl',
    '--out',
    'out',
    '--resume',
  ]
  t.is((await modalityGap(embed, { cwd: folder })).code, 2)
  t.is(readFileSync(foreign, 'utf8'), text)
  writeFileSync(join(folder, 'out', 'log.jsonl'), text)
  const train = ['encoder', 'train', '--out', 'out', 'encoder.json']
  for (const flags of [[], ['--resume']]) {
    t.not((await modalityGap([...train.slice(0, 2), ...flags, ...train.slice(2)], { cwd: folder })).code, 0)
    t.is(readFileSync(join(folder, 'out', 'log.jsonl'), 'utf8'), text)
  }
})

test('nothing is written into its own source, whatever the spelling', async t => {
  const folder = await prepared(t)
  const at = (...names: string[]) => join(folder, ...names)
  copyFileSync(at('aligner'), at('aligner.safetensors'))
  linkSync(at('words.npy'), at('hard.npy'))
  symlinkSync(at('words.npy'), at('soft.npy'))
  symlinkSync(at('clip'), at('softclip'))
  const before = [at('words.npy'), at('clip', 'text_emb', 'text_emb_0.npy')].map(path => readFileSync(path))
  const from = (input: string, out: string) => [
    ['convert', '--in', input, '--out', out],
    ['transform', '--aligner', 'aligner', '--in', input, '--out', out],
    ['align', '--image', 'img.npy', '--text', input, '--out', out],
  ]
  const commands = [
    ...['words.npy', './words.npy', 'clip/../words.npy', at('words.npy'), 'hard.npy', 'soft.npy', '.'].flatMap(out =>
      from('words.npy', out),
    ),
    ...['clip/text_emb', './clip/text_emb/', 'clip/text_emb/moved', 'softclip/text_emb', 'clip', 'clip/moved'].flatMap(
      out => from('clip/text_emb', out),
    ),
    ['align', '--image', 'clip', '--text', 'clip', '--out', 'clip/aligned'],
    ['align', '--image', 'clip', '--text', 'words.npy', '--out', 'clip'],
    ['fit', ...SIDES, '--out', 'img.npy'],
    ['measure', ...SIDES, '--save-frame', 'words.npy'],
    ['measure', ...SIDES, '--html', 'hard.npy'],
    ['measure', ...SIDES, '--aligner', 'aligner', '--html', './aligner'],
    ['transform', '--aligner', 'aligner.safetensors', '--in', 'words.npy', '--out', 'aligner.safetensors'],
    ['compare', ...SIDES, '--methods', 'none', '--atlas', 'soft.npy'],
    ['analyze', 'modalities', '--rows', 'a=img.npy', 'b=words.npy', '--html', './img.npy'],
    ['encoder', 'embed', '--encoder', 'trained', '--data', 'pictures/pairs.jsonl', '--out', 'trained/rows'],
  ]
  for (const command of commands) {
    const { code, stderr } = await modalityGap([...command, '--overwrite'], { cwd: folder })
    t.is(code, 2, `${command.join(' ')}: ${stderr}`)
  }
  t.deepEqual(
    [at('words.npy'), at('clip', 'text_emb', 'text_emb_0.npy')].map(path => readFileSync(path)),
    before,
  )
})

test('the functions refuse and replace as the commands do', async t => {
  const folder = await prepared(t)
  const at = (name: string) => join(folder, name)
  const [target, source] = [await openEmbeddings(at('img.npy')), await openEmbeddings(at('words.npy'))]
  const aligner = await Aligner.fit({ target, source })
  const report = await measureGap({ image: target, text: source, figures: true })
  const tracker = new Tracker({ freezeAt: 0, rank: 2, topEigen: 4, dim: COLUMNS })
  await tracker.push({ step: 0, image: rows(60, 1.3), text: rows(60, 2.1) })
  const calls: Record<string, (out: string, options: { overwrite?: boolean }) => Promise<unknown>> = {
    save: (out, options) => aligner.save(out, options),
    alignTo: (out, options) => Aligner.alignTo({ target, source, out: `${out}.npy`, ...options }),
    transformTo: (out, options) => aligner.transformTo(source, `${out}.npy`, options),
    convert: (out, options) => convert(source, `${out}.npy`, options),
    measureGap: (out, options) => measureGap({ image: target, text: source, saveFrame: out, ...options }),
    saveFrame: (out, options) => tracker.saveFrame(out, options),
    writeReport: (out, options) => writeReport(report, out, options),
    writeCharts: (out, options) => writeCharts(report, `${out}-charts`, options),
    projectionParquet: (out, options) => projectionParquet(report, out, options),
  }
  for (const [name, call] of Object.entries(calls)) {
    await call(at(name), {})
    await t.throwsAsync(call(at(name), {}), { code: 'BAD_OPTION', message: /overwrite: true/ }, name)
    await t.notThrowsAsync(call(at(name), { overwrite: true }), name)
  }
  await tracker.save(at('state'))
  await t.notThrowsAsync(tracker.save(at('state')), 'a state replaces an older one')
  await t.throwsAsync(tracker.save(at('words.npy')), { code: 'BAD_OPTION' })
  const shard = { path: at('words.npy') }
  await runTask({ version: 1, task: 'moments', shard, out: at('moments') })
  await t.notThrowsAsync(runTask({ version: 1, task: 'moments', shard, out: at('moments') }), 'a task may be run again')
  await t.throwsAsync(runTask({ version: 1, task: 'moments', shard, out: at('img.npy') }), { code: 'BAD_OPTION' })
  await t.throwsAsync(runTask({ version: 1, task: 'moments', shard, out: at('words.npy') }), { code: 'BAD_OPTION' })
})

test('a run of the same job that was cut short is taken up, and no other one', async t => {
  const folder = await prepared(t)
  const at = (name: string) => join(folder, name)
  const open = async (name: string) => await openEmbeddings(at(name))
  const input = { target: await open('clip/img_emb'), source: await open('clip/text_emb'), out: at('out') }
  await Aligner.alignTo(input)
  await t.throwsAsync(Aligner.alignTo(input), { code: 'BAD_OPTION' })
  await t.notThrowsAsync(Aligner.alignTo({ ...input, resume: true }))
  for (const other of [
    { method: 'mean-shift' as const },
    { source: await open('words.npy') },
    { format: 'npz' as const },
  ]) {
    await t.throwsAsync(Aligner.alignTo({ ...input, ...other, resume: true }), { code: 'BAD_OPTION' })
  }
  const note = join(at('out'), '_run', 'job.json')
  writeFileSync(note, readFileSync(note, 'utf8').replace('"finished":true', '"finished":false'))
  await t.notThrowsAsync(Aligner.alignTo(input), 'as a killed run leaves it')
  await t.throwsAsync(Aligner.alignTo(input), { code: 'BAD_OPTION' })
})

import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { figure } from '../src/cli/print.ts'
import { modalityGap } from './helpers/cli.ts'
import { readNpy, writeNpy } from './helpers/npy.ts'
import { folderOf, SAMPLE, statedOf } from './helpers/place.ts'
import { someRows } from './helpers/rows.ts'

const BOTH = ['--image', SAMPLE, '--text', SAMPLE]

test('demo ends with a table of before and after, and says what to do next', async t => {
  const out = join(folderOf(t), 'out')
  const { code, stdout, stderr } = await modalityGap(['demo', '--out', out])
  t.is(code, 0, stderr)
  t.is(stderr, '', 'no bar where stderr is not a terminal')
  t.regex(stdout, /Real embeddings of 2,101 pictures/)
  const stated = statedOf('centroid gap').replace('.', '\\.')
  t.regex(stdout, new RegExp(`before +after +noise floor\\n +centroid gap +${stated} +\\S+ +0\\.0\\d+`))
  t.regex(stdout, /modality-gap align --image/)
  t.true(readdirSync(out).includes('aligner.safetensors'))
})

test('demo prints one JSON document where it is asked to', async t => {
  const { code, stdout, stderr } = await modalityGap(['demo', '--out', join(folderOf(t), 'out'), '--json'])
  t.is(code, 0, stderr)
  t.true(JSON.stringify(JSON.parse(stdout)).includes('aligner.safetensors'))
})

test('align prints one JSON document with the documented keys', async t => {
  const out = join(folderOf(t), 'out')
  const { code, stdout, stderr } = await modalityGap(['align', ...BOTH, '--out', out, '--json'])
  t.is(code, 0, stderr)
  const report = JSON.parse(stdout)
  t.like(report, { dim: 192, rows: { image: 2101, text: 2101 }, dropped: { image: 0, text: 0 } })
  for (const key of ['trace', 'scale', 'gap', 'options', 'outputs', 'seconds', 'peakMemoryBytes']) {
    t.true(key in report, key)
  }
  t.like(report.gap, { inSample: true })
  t.true(report.gap.before > 0.4 && report.gap.after < 2e-3 && report.gap.floor > 0.02)
  t.true(report.seconds.fit > 0 && report.seconds.transform > 0)
})

test('fit, transform, measure and inspect work on each other’s results', async t => {
  const folder = folderOf(t)
  const aligner = join(folder, 'aligner.safetensors')
  const fit = await modalityGap(['fit', ...BOTH, '--out', aligner, '--centroid-iterations', '20', '--json'])
  t.is(fit.code, 0, fit.stderr)
  t.deepEqual(JSON.parse(fit.stdout).outputs, [aligner])
  const moved = join(folder, 'moved.npy')
  const args = ['transform', '--aligner', aligner, '--in', join(SAMPLE, 'text_emb'), '--out', moved, '--dtype', 'f32']
  const transform = await modalityGap([...args, '--json'])
  t.is(transform.code, 0, transform.stderr)
  t.like(JSON.parse(transform.stdout), { outputs: [moved], fits: { verdict: 'fits' } })
  const measure = await modalityGap(['measure', '--image', join(SAMPLE, 'img_emb'), '--text', moved, '--json'])
  t.is(measure.code, 0, measure.stderr)
  t.true(JSON.parse(measure.stdout).gap.centroid < 1e-5)
  const through = await modalityGap(['measure', ...BOTH, '--aligner', aligner, '--json'])
  t.true(JSON.parse(through.stdout).gap.after < 1e-5)
  const inspect = await modalityGap(['inspect', moved, '--json'])
  t.like(JSON.parse(inspect.stdout), { rows: 2101, dim: 192, dtype: 'f32', unit: true, badRows: { count: 0 } })
})

test('the numbers of a transform stand beside their names', async t => {
  const folder = folderOf(t)
  const aligner = join(folder, 'aligner.safetensors')
  t.is((await modalityGap(['fit', ...BOTH, '--out', aligner, '--holdout', '0.5'])).code, 0)
  const args = ['transform', '--aligner', aligner, '--in', join(SAMPLE, 'text_emb'), '--out', join(folder, 'moved.npy')]
  const { fits, toTarget } = JSON.parse((await modalityGap([...args, '--json'])).stdout)
  const { stdout } = await modalityGap([...args, '--overwrite'])
  for (const [name, value] of [
    ['shift of the mean since the fit', fits.meanShift],
    ['expected from sampling, root mean square', fits.floor],
    ['exceeded by one sample in 200', fits.critical],
    ['shift of the mean after the map', fits.shiftAfter],
    ['trace now', fits.trace],
    ['at the fit', fits.storedTrace],
    ["distance to the target's mean", toTarget],
  ]) {
    t.regex(stdout, new RegExp(`^ *${name} +${figure(value).replace('.', '\\.')}$`, 'm'), name)
  }
})

test('every command has a readable text as well', async t => {
  const folder = folderOf(t)
  const aligner = join(folder, 'a.safetensors')
  const text = async (...args: string[]) => {
    const { code, stdout, stderr } = await modalityGap(args)
    t.is(code, 0, stderr)
    return stdout
  }
  t.regex(await text('fit', ...BOTH, '--out', aligner, '--holdout', '0.2'), /on held-out embeddings +0\.\d+ +0\.\d+/)
  const input = join(SAMPLE, 'text_emb')
  t.regex(
    await text('transform', '--aligner', aligner, '--in', input, '--out', join(folder, 't')),
    /the mean of these embeddings, before and after the map, is that of the fit/,
  )
  t.regex(await text('measure', ...BOTH, '--paired'), /the gap is real/)
  t.regex(await text('inspect', input), /embeddings +2,101\n/)
  t.regex(await text('convert', '--in', input, '--out', join(folder, 'c'), '--dtype', 'f32'), /2,101 embeddings of 192/)
})

test('the other direction, and sides of any name', async t => {
  const folder = folderOf(t)
  const back = ['align', ...BOTH, '--direction', 'image-to-text', '--out', join(folder, 'back'), '--json']
  const { stdout } = await modalityGap(back)
  t.true(JSON.parse(stdout).outputs.some((path: string) => path.endsWith(join('img_emb', 'img_emb_0.npy'))))
  writeNpy(join(folder, 'audio.npy'), someRows(50, 8, 1), [50, 8])
  writeNpy(join(folder, 'video.npy'), someRows(60, 8, 2), [60, 8])
  const generic = ['--target', join(folder, 'audio.npy'), '--source', join(folder, 'video.npy')]
  const names = ['--target-name', 'audio', '--source-name', 'video']
  const named = await modalityGap(['align', ...generic, ...names, '--out', join(folder, 'out'), '--json'])
  t.is(named.code, 0, named.stderr)
  t.deepEqual(JSON.parse(named.stdout).rows, { audio: 50, video: 60 })
  const plain = await modalityGap(['fit', ...generic, '--out', join(folder, 'a'), '--json'])
  t.deepEqual(JSON.parse(plain.stdout).rows, { target: 50, source: 60 })
})

test('convert and task', async t => {
  const folder = folderOf(t)
  const path = writeNpy(join(folder, 'rows.npy'), someRows(10, 4, 1), [10, 4])
  const out = join(folder, 'rows.safetensors')
  const convert = await modalityGap(['convert', '--in', path, '--out', out, '--json'])
  t.is(convert.code, 0, convert.stderr)
  t.like(JSON.parse(convert.stdout), { rows: 10, dim: 4, outputs: [out] })
  const spec = { task: 'moments', version: 1, shard: { path }, out: join(folder, 'state') }
  const file = join(folder, 'spec.json')
  writeFileSync(file, JSON.stringify(spec))
  const task = await modalityGap(['task', file])
  t.is(task.code, 0, task.stderr)
  t.like(JSON.parse(task.stdout), { task: 'moments', rows: 10 })
  const piped = await modalityGap(['task', '-'], { started: child => child.stdin?.end(JSON.stringify(spec)) })
  t.deepEqual(JSON.parse(piped.stdout), JSON.parse(task.stdout))
})

test('resume keeps what a finished run has written', async t => {
  const out = join(folderOf(t), 'out')
  const first = await modalityGap(['align', ...BOTH, '--out', out, '--json'])
  const path = join(out, 'text_emb', 'text_emb_0.npy')
  const before = readFileSync(path)
  const again = await modalityGap(['align', ...BOTH, '--out', out, '--json', '--resume'])
  t.is(again.code, 0, again.stderr)
  t.deepEqual(readFileSync(path), before)
  t.deepEqual(JSON.parse(again.stdout).gap, JSON.parse(first.stdout).gap)
})

test('the same command gives the same bytes for any number of threads', async t => {
  const folder = folderOf(t)
  const bytes = []
  for (const threads of ['1', '3']) {
    const out = join(folder, threads)
    t.is((await modalityGap(['align', ...BOTH, '--out', out, '--threads', threads])).code, 0)
    bytes.push(readFileSync(join(out, 'text_emb', 'text_emb_0.npy')))
    bytes.push(readFileSync(join(out, 'aligner.safetensors')))
  }
  t.deepEqual(bytes.slice(0, 2), bytes.slice(2))
})

test('a result that nobody takes is a failure with a word', async t => {
  const { code, stderr } = await modalityGap(['inspect', join(SAMPLE, 'img_emb')], {
    started: child => child.stdout?.destroy(),
  })
  t.is(code, 1)
  t.regex(stderr, /^modality-gap: standard output could not be written: its reader closed it/)
})

// the device that is always full
if (existsSync('/dev/full')) {
  test('a full disk under standard output is a failure with a word', async t => {
    const main = join(import.meta.dirname, '..', 'dist', 'cli', 'main.js')
    const full = openSync('/dev/full', 'w')
    const { status, stderr } = spawnSync(process.execPath, [main, 'inspect', join(SAMPLE, 'img_emb')], {
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    })
    closeSync(full)
    t.is(status, 1)
    t.regex(stderr, /^modality-gap: standard output could not be written: ENOSPC/)
  })
}

test('output may go where folders are still missing', async t => {
  const folder = folderOf(t)
  mkdirSync(join(folder, 'in'))
  const path = writeNpy(join(folder, 'in', 'rows.npy'), someRows(10, 4, 1), [10, 4])
  const { code, stderr } = await modalityGap(['convert', '--in', path, '--out', join(folder, 'a', 'b', 'c')])
  t.is(code, 0, stderr)
  t.deepEqual(readNpy(join(folder, 'a', 'b', 'c', 'rows.npy')).shape, [10, 4])
})

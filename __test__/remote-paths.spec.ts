import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import test from 'ava'
import {
  Aligner,
  convert,
  DualEncoder,
  embedPairs,
  inspect,
  ModalityGapError,
  measureGap,
  openEmbeddings,
  spark,
  sparkCluster,
  Tracker,
  taskList,
} from '../src/index.ts'
import { isRemote } from '../src/remote.ts'
import { checkConfig, openDataset, openModelRows, ReVision, VisionModel } from '../src/revision/index.ts'
import { withoutSecrets } from '../src/secrets.ts'
import { modalityGap } from './helpers/cli.ts'
import { writeNpy } from './helpers/npy.ts'
import { folderOf } from './helpers/place.ts'
import { material, tinyConfig } from './helpers/revision.ts'
import { someRows } from './helpers/rows.ts'

const ADDRESS = 's3://bucket/name'

/** Options and arguments that take an address of a store; `paths.s3.spec.ts` calls them with one. */
const TAKEN: Record<string, string> = {
  align: '--image --text --target --source --out --image-ids --text-ids --html --charts --atlas',
  fit: '--image --text --target --source --out --image-ids --text-ids --work',
  transform: '--aligner --in --out',
  measure: '--image --text --image-ids --text-ids --aligner --frame --save-frame --work --html --charts --atlas',
  compare: '--image --text --image-ids --text-ids --html --charts --atlas',
  'analyze sample-size': '--image --text --target --source --image-ids --text-ids --html --charts --atlas',
  'analyze domains': '--domain --html --charts --atlas',
  'analyze captions': '--image --corpus --html --charts --atlas',
  'analyze modalities': '--rows --html --charts --atlas',
  inspect: 'src --work',
  convert: '--in --out',
  demo: '--out',
  track: 'src --state --ids --html --charts',
  'encoder train': 'config',
  'revision run': 'config',
  'revision pretrain': 'config',
  'revision finetune': 'config',
  'revision compare': 'config',
  'revision evaluate': 'config',
  'revision generate': 'config --rows',
  'revision export': 'config',
  task: 'spec',
  collect: 'manifest --results',
}

/** Those that are of the file system only. */
const REFUSED: Record<string, string> = {
  align: '--spark-python --worker',
  fit: '--spark-python --worker',
  transform: '--spark-python --worker',
  inspect: '--spark-python --worker',
  measure: '--spark-python --worker',
  convert: '--spark-python --worker',
  track: '--out',
  cluster: '--spark-python',
  'encoder train': '--data --out --probes',
  'encoder embed': '--encoder --data --out',
  'revision generate': '--images --encoder',
  'revision export': '--out',
}

/** Those that name what is written. */
const WRITTEN = words('--out --state --work --save-frame --html --charts --atlas')

/** Placeholders of the help that stand for a path, or for several. */
const PATH = /^(aligner|config|command|dir|file|ids|manifest|path|spec|src|name=.*)(\.\.\.)?$/

test('every option and argument that is a path is known here as one that takes an address, or does not', async t => {
  const all = await commands('')
  t.true(all.length > 20)
  for (const command of all) {
    const named = (await usage(command)).filter(({ name, value }) => PATH.test(value) || name === '--data')
    const known = [...words(TAKEN[command]), ...words(REFUSED[command])]
    t.deepEqual(named.map(({ name }) => name).sort(), known.sort(), command)
  }
})

test('the beginnings of addresses are those that the native code knows', t => {
  const source = readFileSync(join(import.meta.dirname, '..', 'crates', 'stores', 'src', 'uri.rs'), 'utf8')
  const table = /const SCHEMES[^;]*;/.exec(source.replace(/; \d+\]/, ']'))?.[0] ?? ''
  const schemes = [...table.matchAll(/\("(\w+)", Scheme/g)].map(([, scheme]) => scheme)
  t.deepEqual(schemes.sort(), ['az', 'gs', 'hf', 'http', 'https', 's3'])
  for (const scheme of schemes) t.true(isRemote(`${scheme}://a/b`), scheme)
  for (const path of ['a/s3://b', 's3:/a', 's3', '/s3://a', 'C:\\a', 'c://a']) {
    t.false(isRemote(path), path)
  }
  for (const [path, said] of [
    ['ftp://a/b', /unknown scheme `ftp`.*expected s3:\/\/, gs:\/\/, .*hf:\/\/$/],
    ['S3://a/b', /unknown scheme `S3`.*in small letters$/],
    ['file:///a', /unknown scheme `file`.*or a path without file:\/\/$/],
  ] as const) {
    t.throws(() => isRemote(path), { code: 'UNSUPPORTED', message: said })
  }
})

test('what is signed in an address of a web server is not printed', t => {
  const file = 'https://host/a.jsonl?X-Amz-Signature=secret'
  const error = new ModalityGapError('BAD_FORMAT', `${file}: record 1: it is not JSON (see "${file}")`, { file })
  t.is(error.message, 'https://host/a.jsonl?…: record 1: it is not JSON (see "https://host/a.jsonl?…")')
  t.is(error.file, 'https://host/a.jsonl?…')
  const plain = 's3://a/b?c, /tmp/a?b, https://host/a and http://host:80/a@b'
  t.is(withoutSecrets(plain), plain)
  t.is(
    withoutSecrets('http://name:secret@host/a.npy, <b>https://h/a?b</b>'),
    'http://…@host/a.npy, <b>https://h/a?…</b>',
  )
})

test('a command refuses an address by name where only a path will do, and makes nothing', async t => {
  const folder = folderOf(t)
  const config = join(folder, 'run.json')
  writeFileSync(config, JSON.stringify(tinyConfig(material(t))))
  const rows = join(folder, 'rows.npy')
  writeNpy(rows, someRows(30, 4, 1), [30, 4])
  const sides = ['--image', rows, '--text', rows]
  const aligner = join(folder, 'aligner.safetensors')
  t.is((await modalityGap(['fit', ...sides, '--out', aligner])).code, 0)
  const onSpark = [...sides, '--out', join(folder, 'out'), '--on', 'local[2]']
  const train = ['encoder', 'train', '--data', folder, '--out', join(folder, 'out')]
  const embed = ['encoder', 'embed', '--data', folder, '--out', join(folder, 'out'), '--encoder', folder]
  const calls: Record<string, string[]> = {
    align: ['align', ...onSpark],
    fit: ['fit', ...onSpark, '--work', join(folder, 'work')],
    transform: ['transform', '--aligner', aligner, '--in', rows, '--out', join(folder, 'out'), '--on', 'local[2]'],
    inspect: ['inspect', rows, '--on', 'local[2]', '--work', join(folder, 'work')],
    measure: ['measure', ...sides, '--on', 'local[2]', '--work', join(folder, 'work')],
    cluster: ['cluster'],
    convert: ['convert', '--in', rows, '--out', join(folder, 'out'), '--on', 'local[2]'],
    track: ['track', folder, '--freeze-at', '1'],
    'encoder train': train,
    'encoder embed': embed,
    'revision generate': ['revision', 'generate', config],
    'revision export': ['revision', 'export', config],
  }
  for (const [command, names] of Object.entries(REFUSED)) {
    for (const name of words(names)) {
      const args = withOption(calls[command] as string[], name)
      const { code, stderr } = await modalityGap(args, { cwd: folder })
      t.not(code, 0, args.join(' '))
      t.regex(
        stderr,
        /"s3:\/\/bucket\/name" is the address of an object, and is (read from|written to) the file system only/,
      )
      t.notRegex(stderr, /no such file/i)
    }
  }
  t.false(existsSync(join(folder, 's3:')))
})

test('functions refuse an address by name where only a path will do', async t => {
  const folder = folderOf(t)
  const rows = join(folder, 'rows.npy')
  writeNpy(rows, someRows(30, 4, 1), [30, 4])
  const embeddings = await openEmbeddings(rows)
  const pairs = { data: folder, out: folder }
  const calls: Record<string, () => unknown> = {
    'DualEncoder.load': () => DualEncoder.load(ADDRESS),
    'DualEncoder.train, data': () => DualEncoder.train({ ...pairs, data: [folder, ADDRESS] }),
    'DualEncoder.train, out': () => DualEncoder.train({ ...pairs, out: ADDRESS }),
    'DualEncoder.train, probes': () => DualEncoder.train({ ...pairs, probes: ADDRESS }),
    'embedPairs, encoder': () => embedPairs({ ...pairs, encoder: ADDRESS }),
    'embedPairs, data': () => embedPairs({ ...pairs, encoder: folder, data: ADDRESS }),
    'embedPairs, out': () => embedPairs({ ...pairs, encoder: folder, out: ADDRESS }),
    'Tracker, log': () => new Tracker({ freezeAt: 1, log: ADDRESS }),
    'VisionModel.open, path': () => VisionModel.open({ path: ADDRESS, dim: 4 }),
    'VisionModel.open, adapter': () => VisionModel.open({ path: folder, dim: 4, adapter: ADDRESS }),
    'VisionModel.open, init': () => VisionModel.open({ path: folder, dim: 4, projector: { init: ADDRESS } }),
    'openDataset, cache': () => openDataset({ records: rows, cache: ADDRESS }),
    'openModelRows, cache': () => openModelRows(embeddings, { cache: ADDRESS }),
    'spark, python': () => spark({ master: 'local[1]', python: ADDRESS }),
    'spark, worker': () => spark({ master: 'local[1]', worker: ADDRESS }),
    'sparkCluster, python': () => sparkCluster({ python: ADDRESS }),
    'spark, installed': () => spark({ master: 'local[1]', installed: ADDRESS }),
  }
  for (const [name, call] of Object.entries(calls)) {
    const error = await t.throwsAsync(async () => await call(), undefined, name)
    t.like(error, { code: 'UNSUPPORTED' }, `${name}: ${error?.message}`)
    t.regex(
      error?.message ?? '',
      /"s3:\/\/bucket\/name" is the address of an object, and is .* the file system only/,
      name,
    )
  }
})

test('an output that is read only is refused by name before anything is asked of a server', async t => {
  let requests = 0
  const server = createServer((_, answer) => {
    requests++
    answer.writeHead(404).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const rows = `http://127.0.0.1:${(server.address() as AddressInfo).port}/rows.npy`
  const sides = ['--image', rows, '--text', rows]
  const out = ['--out', join(folderOf(t), 'out')]
  const calls: Record<string, string[]> = {
    align: [...sides, ...out],
    fit: [...sides, ...out],
    transform: ['--aligner', rows, '--in', rows, ...out],
    measure: sides,
    compare: sides,
    'analyze sample-size': sides,
    'analyze domains': ['--domain', `a=${rows},${rows}`, `b=${rows},${rows}`],
    'analyze captions': ['--image', rows, '--corpus', `a=${rows}`],
    'analyze modalities': ['--rows', `a=${rows}`, `b=${rows}`],
    inspect: [rows],
    convert: ['--in', rows, ...out],
    demo: [],
    track: [rows, '--freeze-at', '1'],
  }
  let tried = 0
  for (const [command, args] of Object.entries(calls)) {
    for (const name of words(TAKEN[command]).filter(name => WRITTEN.includes(name))) {
      const address = tried++ % 2 === 0 ? 'https://host/name?signature=secret' : 'hf://datasets/a/b'
      const { code, stderr, stdout } = await modalityGap([...command.split(' '), ...withOption(args, name, address)])
      t.is(code, 2, `${command} ${name}: ${stdout}${stderr}`)
      t.regex(
        stderr,
        new RegExp(`${name} cannot be written: (web servers are read only|the hub is read only here); write to`),
      )
      t.false(stderr.includes('secret'), stderr)
    }
  }
  t.is(tried, 33)
  t.is(requests, 0)
})

test('functions refuse an output that is read only by name', async t => {
  const rows = join(folderOf(t), 'rows.npy')
  writeNpy(rows, someRows(30, 4, 1), [30, 4])
  const embeddings = await openEmbeddings(rows)
  const [target, source] = [embeddings, embeddings]
  const aligner = await Aligner.fit({ target, source })
  const out = 'hf://datasets/a/b'
  const calls: Record<string, () => unknown> = {
    'Aligner.alignTo, out': () => Aligner.alignTo({ target, source, out }),
    'Aligner.fit, work': () => Aligner.fit({ target, source, work: out }),
    'aligner.save': () => aligner.save(out),
    'aligner.transformTo': () => aligner.transformTo(embeddings, out),
    convert: () => convert(embeddings, out),
    'inspect, work': () => inspect(embeddings, { work: out }),
    'measureGap, saveFrame': () => measureGap({ image: target, text: source, saveFrame: out }),
    'measureGap, work': () => measureGap({ image: target, text: source, work: out }),
    'tracker.save': () => new Tracker({ freezeAt: 1 }).save(out),
    'tracker.saveFrame': () => new Tracker({ freezeAt: 1 }).saveFrame(out),
    taskList: () => taskList(out),
  }
  for (const [name, call] of Object.entries(calls)) {
    const message = /cannot be written: the hub is read only here; write to a folder/
    await t.throwsAsync(async () => await call(), { code: 'UNSUPPORTED', message }, name)
  }
})

test('a configuration of a training refuses addresses of what is of the file system only', async t => {
  const config = tinyConfig(material(t))
  for (const place of [
    'model.path',
    'projector.init',
    'embeddings.encoder',
    'logging.jsonl',
    'logging.tensorboard',
    'output',
  ]) {
    const change = place.split('.').reduceRight<unknown>((inner, key) => ({ [key]: inner }), ADDRESS)
    const message = new RegExp(`${place} is of the file system only, not s3://bucket/name`)
    t.throws(() => checkConfig(config, change as Record<string, unknown>), { code: 'BAD_OPTION', message })
  }
  const run = await ReVision.open(config)
  await t.throwsAsync(run.export(ADDRESS), { code: 'UNSUPPORTED' })
})

interface Named {
  name: string
  value: string
}

/** Names of all commands below one, by their help. */
async function commands(above: string): Promise<string[]> {
  const { stdout } = await modalityGap([...above.split(' ').filter(Boolean), '--help'])
  const list = /^Commands:\n((?: .*\n?)*)/m.exec(stdout)?.[1] ?? ''
  const names = [...list.matchAll(/^ {2}([a-z-]+)/gm)].map(([, name]) => name as string).filter(name => name !== 'help')
  if (names.length === 0) return [above]
  const below = await Promise.all(names.map(name => commands(`${above} ${name}`.trim())))
  return below.flat()
}

/** Options with a value, and arguments, of a command. */
async function usage(command: string): Promise<Named[]> {
  const { stdout } = await modalityGap([...command.split(' '), '--help'])
  const options = [...stdout.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+) [<[]([^>\]]+)[>\]]/gm)]
  const line = /^Usage: (.*)$/m.exec(stdout)?.[1]?.replace('[options]', '') ?? ''
  const parameters = [...line.matchAll(/[<[]([a-z]+)(?:\.\.\.)?[>\]]/g)]
  return [
    ...options.map(([, name = '', value = '']) => ({ name, value })),
    ...parameters.map(([, name = '']) => ({ name, value: name })),
  ]
}

function words(text = ''): string[] {
  return text.split(' ').filter(Boolean)
}

/** A command line where an option has an address. */
function withOption(args: readonly string[], name: string, address = ADDRESS): string[] {
  const at = args.indexOf(name)
  return at === -1 ? [...args, name, address] : [...args.slice(0, at + 1), address, ...args.slice(at + 2)]
}

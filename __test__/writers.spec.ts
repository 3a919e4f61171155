import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { modalityGap } from './helpers/cli.ts'
import { writeNpy } from './helpers/npy.ts'
import { colours } from './helpers/pictures.ts'
import { folderOf } from './helpers/place.ts'

// where a path is opened for writing, made, renamed or removed: each place was looked at for links and for files of others

const ROOT = join(import.meta.dirname, '..')

/** Functions of `node:fs` that change nothing. */
const READING =
  /^(access|createReadStream|exists|lstat|opendir|read|readdir|readFile|readlink|realpath|stat|watch)(Sync)?$|^constants$|^type /

/** Who may change what, by file: the functions of `node:fs` that it imports beside those that read. */
const TYPESCRIPT: Record<string, readonly string[]> = {
  // logs, through no link
  'src/json-log.ts': ['open'],
  // folders for whole files; folders are opened to be flushed
  'src/whole-file.ts': ['mkdir', 'open'],
  // fetched into the cache
  'src/worker-executable.ts': ['mkdir', 'mkdtemp', 'rename', 'rm'],
  // a temporary folder of the demo
  'src/cli/demo.ts': ['mkdtempSync'],
  // stages: folders of our own, under a lock
  'src/revision/checkpoints.ts': ['mkdir', 'open', 'rename', 'rm'],
  'src/revision/folder-lock.ts': ['rmSync', 'mkdir', 'writeFile'],
  'src/revision/stage-file.ts': ['rm'],
  'src/revision/tensorboard.ts': ['mkdir', 'open'],
  'src/revision/trainer.ts': ['mkdir'],
  'src/revision/training-log.ts': ['mkdir'],
  // copies of rows
  'src/revision/litter.ts': ['mkdir', 'rm'],
  'src/revision/rows.ts': ['rename', 'rm'],
  // of a data set, in a temporary folder
  'src/revision/dataset.ts': ['mkdtemp', 'rm'],
  'src/revision/workspace.ts': ['mkdir', 'rm'],
  // a model that a stage has left
  'src/revision/hand-over.ts': ['cp'],
  // opened for reading
  'src/regular-file.ts': ['open'],
}

/** The same for Rust, by calls. */
const RUST: Record<string, readonly string[]> = {
  // whole files: a temporary file beside the target, renamed; dead ones removed
  'crates/shards/src/atomic.rs': ['tempfile', 'OpenOptions', 'persist', 'remove_file', 'storage'],
  'crates/shards/src/lock.rs': ['OpenOptions', 'remove_file'],
  'crates/encoder/src/log.rs': ['OpenOptions', 'set_len'],
  // folders, and what an earlier run has left in them
  'crates/encoder/src/files.rs': ['create_dir'],
  'crates/encoder/src/job.rs': ['remove_file'],
  'crates/encoder/src/embed.rs': ['remove_file'],
  'crates/revision/src/files/peft.rs': ['create_dir'],
  'crates/revision/src/files/save.rs': ['create_dir', 'remove_file'],
  'crates/revision/src/session/export.rs': ['create_dir'],
  'crates/shards/src/storage.rs': ['create_dir', 'remove_file', 'remove_dir', 'storage'],
  'crates/tasks/src/claimed.rs': ['remove_file', 'storage'],
  'crates/tasks/src/outputs.rs': ['storage'],
  'crates/tasks/src/receipt.rs': ['storage'],
}

const CALLS: Record<string, RegExp> = {
  tempfile: /\btempfile(?:_in)?\(|NamedTempFile::new|\btempdir(?:_in)?\(/,
  OpenOptions: /OpenOptions|\bFile::options\(|(?<!Atomic)File::create/,
  write: /\bfs::write\(/,
  copy: /\bfs::copy\(/,
  rename: /\bfs::rename\(/,
  persist: /\.persist\(/,
  set_len: /\.set_len\(/,
  create_dir: /\bcreate_dir(?:_all)?\b|\bDirBuilder\b/,
  remove_file: /\bremove_file\b/,
  remove_dir: /\bremove_dir(?:_all)?\b/,
  // by paths that may be those of objects
  storage: /\bstorage::(?:create|make_folder|remove_\w+)\b|\bstores::(?:put\w*|remove\w*)\b/,
  // libraries that open a file themselves
  foreign:
    /\bserialize_to_file\b|\bset_permissions\b|\brustix::fs::(?:open|mkdir|rename|unlink|link|symlink)|\blibc::|\bMmapMut\b|\bCommand::new\b/,
  link: /\bhard_link\(|\bsymlink(?:_file|_dir)?\(/,
}

test('files and folders are changed in known places only, on the side of TypeScript', t => {
  const found = Object.fromEntries(
    sources('src', '.ts').flatMap(file => {
      const text = readFileSync(join(ROOT, file), 'utf8')
      const imports = [...text.matchAll(/^import (?:\{([^}]*)\}|([^{\n]*)) from 'node:fs(?:\/promises)?'/gm)]
      const names = imports.flatMap(([, list, whole]) => (list ?? whole ?? '').split(',').map(name => name.trim()))
      const changing = names.filter(name => name !== '' && !READING.test(name))
      return changing.length > 0 ? [[file, changing.sort()]] : []
    }),
  )
  t.deepEqual(found, Object.fromEntries(Object.entries(TYPESCRIPT).map(([file, names]) => [file, [...names].sort()])))
})

test('nothing else of Node that writes or runs programs is used, and nothing is imported past this list', t => {
  const other =
    /'node:(?:child_process|sqlite|worker_threads|module|vm)'|import\(\s*'(?:node:)?fs|process\.binding|\brequire\(|from '(?:fs|child_process)/
  const found = sources('src', '.ts').filter(file => other.test(readFileSync(join(ROOT, file), 'utf8')))
  // the reader of YAML; the native module; Spark's driver, and npm for the executable of its workers
  t.deepEqual(found, [
    'src/cli/revision-options.ts',
    'src/native.ts',
    'src/python-program.ts',
    'src/worker-executable.ts',
  ])
})

test('files and folders are changed in known places only, on the side of Rust', t => {
  const found = Object.fromEntries(
    sources('crates', '.rs').flatMap(file => {
      // tests stand behind the code, or in files of their own
      const [text = ''] = readFileSync(join(ROOT, file), 'utf8').split('#[cfg(test)]\nmod tests {')
      const calls = Object.keys(CALLS).filter(call => CALLS[call]?.test(text.replaceAll(/^\s*\/\/.*$/gm, '')))
      return calls.length > 0 ? [[file, calls.sort()]] : []
    }),
  )
  const known = Object.entries(RUST).map(([file, names]) => [file, [...names].sort()])
  // what is not there for one system may be for another: `set_len` reserves where nothing else does
  const atomic = found['crates/shards/src/atomic.rs'] ?? []
  found['crates/shards/src/atomic.rs'] = atomic.filter(call => call !== 'set_len')
  found['crates/shards/src/lock.rs'] = (found['crates/shards/src/lock.rs'] ?? []).filter(call => call !== 'set_len')
  t.deepEqual(found, Object.fromEntries(known))
})

/** Sources below a folder but tests. */
function sources(folder: string, ending: string): string[] {
  const names = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
  return names
    .map(name => join(folder, name))
    .filter(name => name.endsWith(ending) && !/[\\/](tests|benches|examples|page)[\\/]|[\\/]tests\.rs$/.test(name))
    .sort()
}

const COLUMNS = 4

/** A folder with rows in the clip-retrieval layout and a folder of the reader's that nothing may change. */
function received(t: ExecutionContext): { folder: string; at: (...names: string[]) => string } {
  const folder = folderOf(t)
  const at = (...names: string[]) => join(folder, ...names)
  for (const [side, phase] of [
    ['img_emb', 1.3],
    ['text_emb', 2.1],
  ] as const) {
    mkdirSync(at('clip', side), { recursive: true })
    const rows = Float32Array.from({ length: 40 * COLUMNS }, (_, i) => Math.sin(i * phase) + (i % COLUMNS))
    writeNpy(at('clip', side, `${side}_0.npy`), rows, [40, COLUMNS])
  }
  mkdirSync(at('clip', 'metadata'))
  writeFileSync(at('clip', 'metadata', 'metadata_0.jsonl'), '{"a":1}\n'.repeat(40))
  mkdirSync(at('mine'))
  writeFileSync(at('mine', 'note.jsonl'), '{"b":2}\n'.repeat(40))
  return { folder, at }
}

test('nothing is written through a link in a folder that was received', async t => {
  const { folder, at } = received(t)
  const data = colours(at('pictures'))
  const tower = { width: 8, layers: 1, heads: 2 }
  const model = { dim: 6, imageSize: 8, patch: 4, image: tower, text: tower, tokens: 4 }
  writeFileSync(at('encoder.json'), JSON.stringify({ model, batchSize: 4, steps: 3, probeEvery: 1, data }))
  const run = async (...args: string[]) => await modalityGap(args, { cwd: folder })
  t.is((await run('encoder', 'train', '--out', 'trained', 'encoder.json')).code, 0)
  const clip = ['--image', 'clip', '--text', 'clip']
  const embed = ['encoder', 'embed', '--encoder', 'trained', '--data', 'pictures/pairs.jsonl']
  const train = ['encoder', 'train', '--probes', 'out/probes', '--holdout', '0.3']
  for (const [command, links] of [
    [
      ['align', ...clip, '--out', 'out'],
      ['_run', 'text_emb', 'metadata'],
    ],
    [
      ['align', ...clip, '--method', 'centering', '--out', 'out'],
      ['_run', 'text_emb'],
    ],
    [
      ['convert', '--in', 'clip/text_emb', '--out', 'out'],
      ['_run', 'text_emb', 'metadata'],
    ],
    [['fit', ...clip, '--out', 'out/aligner', '--work', 'out'], []],
    [
      [...embed, '--out', 'out'],
      ['_run', 'img_emb', 'text_emb', 'metadata'],
    ],
    [
      [...train, '--out', 'out', 'encoder.json'],
      ['log.jsonl', 'probes/step_000000', 'probes/step_000001'],
    ],
  ] as const) {
    for (const link of links) {
      for (const flags of [[], ['--overwrite']]) {
        rmSync(at('out'), { recursive: true, force: true })
        mkdirSync(join(at('out', link), '..'), { recursive: true })
        symlinkSync(link === 'log.jsonl' ? at('mine', 'note.jsonl') : at('mine'), at('out', link))
        const { code, stderr } = await run(...command.slice(0, 2), ...flags, ...command.slice(2))
        t.deepEqual(readdirSync(at('mine')), ['note.jsonl'], `${command.join(' ')} ${link}`)
        t.is(readFileSync(at('mine', 'note.jsonl'), 'utf8').length, 320)
        // a link to a file may be replaced by a file, where that was asked for
        t.true(code !== 0 || (link === 'log.jsonl' && flags.length > 0), `${command.join(' ')} ${link}: ${stderr}`)
      }
    }
  }
})

test('a link out of the folder that is scanned is not taken along', async t => {
  const { folder, at } = received(t)
  rmSync(at('clip', 'metadata', 'metadata_0.jsonl'))
  symlinkSync(at('mine', 'note.jsonl'), at('clip', 'metadata', 'metadata_0.jsonl'))
  const clip = ['--image', 'clip', '--text', 'clip']
  for (const command of [
    ['align', ...clip, '--out', 'out'],
    ['convert', '--in', 'clip/text_emb', '--out', 'out'],
  ]) {
    const { code, stderr } = await modalityGap(command, { cwd: folder })
    t.is(code, 1)
    t.regex(stderr, /link out of its folder/)
    t.throws(() => readFileSync(at('out', 'metadata', 'metadata_0.jsonl')))
  }
  // within the folder a link is as good as its file
  rmSync(at('clip', 'metadata', 'metadata_0.jsonl'))
  writeFileSync(at('clip', 'kept.jsonl'), '{"a":1}\n'.repeat(40))
  symlinkSync('../kept.jsonl', at('clip', 'metadata', 'metadata_0.jsonl'))
  const { code, stderr } = await modalityGap(['align', ...clip, '--out', 'out'], { cwd: folder })
  t.is(code, 0, stderr)
})

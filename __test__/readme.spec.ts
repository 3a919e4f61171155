import { exec, execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import test from 'ava'
import { modalityGap, node } from './helpers/cli.ts'
import { halves, readNpy, writeNpy } from './helpers/npy.ts'
import { PackedRelease } from './helpers/packed.ts'
import { SAMPLE } from './helpers/place.ts'
import { jsonLines, longerModel } from './helpers/revision.ts'

const root = join(import.meta.dirname, '..')
const readme = readFileSync(join(root, 'README.md'), 'utf8')
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** Rows of the sample that stand in for the reader's own. */
const ROWS = 300
const DIM = 192

let packages: PackedRelease
let folder: string

test.before(() => {
  packages = new PackedRelease()
  folder = packages.install('readme')
  prepare(folder)
})

test.after.always(() => packages?.remove())

test.serial('the commands of a checkout are scripts of the package', t => {
  const scripts = commands().filter(isOfCheckout)
  t.true(scripts.length >= 2)
  for (const line of scripts) {
    const [, name = ''] = /^npm (?:run )?(\S+)/.exec(line) ?? []
    t.true(name in manifest.scripts, line)
  }
})

test.serial('every other command works where the package was installed and nothing else is', async t => {
  const [install, ...others] = commands().filter(line => !isOfCheckout(line))
  // done, from the packed package
  t.is(install, `npm install ${manifest.name}`)
  for (const line of others) {
    const { stdout } = await promisify(exec)(line, { cwd: folder, env: packages.env })
    t.not(stdout.trim(), '', line)
  }
  const made = ['aligned/aligner.safetensors', 'aligned-more', 'compare.html', 'report.html', 'runs/first/result.json']
  for (const name of made) t.true(existsSync(join(folder, name)), name)
})

test.serial('every TypeScript block agrees with the types of the package, and runs', async t => {
  const blocks = blocksOf('ts')
  t.true(blocks.length >= 5)
  blocks.forEach((block, i) => {
    writeFileSync(join(folder, `block-${i}.mts`), `${contextOf(block)}\n${block}`)
  })
  const compilerOptions = {
    target: 'es2022',
    module: 'nodenext',
    strict: true,
    types: ['node'],
    typeRoots: [join(root, 'node_modules', '@types')],
  }
  const files = blocks.map((_, i) => `block-${i}.mts`)
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }))
  const tsc = await node([join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', folder])
  t.is(tsc.code, 0, tsc.stdout)
  for (const i of blocks.keys()) {
    await t.notThrowsAsync(
      promisify(execFile)(process.execPath, [`block-${i}.mjs`], { cwd: folder, env: packages.env }),
      blocks[i],
    )
  }
})

test('the table of strategies is what the demo prints', async t => {
  const { code, stdout, stderr } = await modalityGap(['demo', '--sample', 'coco-clip'])
  t.is(code, 0, stderr)
  const cellsOf = (line: string) => line.trim().split(/ {2,}/)
  const printed = stdout.split('\n').map(cellsOf)
  const head = '| | gap | text neighbours kept | text to image R@1 |'
  const stated = readme.slice(readme.indexOf(head)).split('\n\n', 1)[0]?.split('\n').slice(2) ?? []
  t.is(stated.length, 6)
  for (const line of stated) {
    const cells = line.slice(2, -2).split(' | ')
    t.true(
      printed.some(found => found.join('|') === cells.join('|')),
      `${line}\n${stdout}`,
    )
  }
})

test('pictures and files that README names are there, and the picture shows the stated gap', t => {
  const links = [...readme.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, path = '']) => path)
  t.true(links.length > 10)
  for (const path of links) t.true(existsSync(join(root, path)), path)
  const [, alt = '', path = ''] = /!\[([^\]]*)\]\(([^)]+)\)/.exec(readme) ?? []
  const svg = readFileSync(join(root, path), 'utf8')
  const [, before, after] = /falls from (\S+) to ([\d.]+)/.exec(alt) ?? []
  t.true(svg.includes(`>gap ${before}<`) && svg.includes(`>gap ${after}<`), alt)
  // GitHub and npm show pictures without scripts and without what they would load
  t.notRegex(svg, /<script|<foreignObject|href=|url\(["']?http/)
})

function blocksOf(language: string): string[] {
  return [...readme.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'gms'))].map(([, text = '']) => text)
}

function commands(): string[] {
  return blocksOf('sh').flatMap(block => block.split('\n').filter(Boolean))
}

function isOfCheckout(line: string): boolean {
  return /^npm (run|test)\b/.test(line)
}

/** What README takes as given: embeddings, records and a model under the names that it uses. */
function prepare(folder: string): void {
  const values = (side: string) => readNpy(join(SAMPLE, side, `${side}_0.npy`)).values
  const write = (place: string, side: string, rows: number) => {
    mkdirSync(join(folder, place), { recursive: true })
    writeNpy(join(folder, place, `${side}_0.npy`), halves(values(side).subarray(0, rows * DIM)), [rows, DIM])
  }
  const lines = readFileSync(join(SAMPLE, 'metadata', 'metadata_0.jsonl'), 'utf8')
    .split('\n')
    .slice(0, ROWS)
  mkdirSync(join(folder, 'laion', 'metadata'), { recursive: true })
  jsonLines(
    join(folder, 'laion', 'metadata', 'metadata_0.jsonl'),
    lines.map((line, i) => ({ ...JSON.parse(line), id: String(i) })),
  )
  for (const side of ['img_emb', 'text_emb']) write(`laion/${side}`, side, ROWS)
  write('more/text_emb', 'text_emb', ROWS)
  write('photos/img_emb', 'img_emb', 2)
  const pairs = ['img_emb', 'text_emb'].flatMap(side => [...values(side).subarray(0, ROWS * DIM)])
  writeNpy(join(folder, 'pairs.npy'), halves(pairs), [2, ROWS, DIM])

  renameSync(longerModel(folder), join(folder, 'SmolLM2-135M-Instruct.Q4_1.gguf'))
  writeFileSync(join(folder, 'config.yaml'), blocksOf('yaml')[0] ?? '')
  const question = (i: number) => ({
    id: `q${i}`,
    image: String(i),
    conversations: [
      { from: 'human', value: '<image>\nwhat' },
      { from: 'gpt', value: 'fox' },
    ],
  })
  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)
  jsonLines(
    join(folder, 'captions.jsonl'),
    range(0, 32).map(i => ({ id: String(i), caption: 'fox' })),
  )
  writeFileSync(join(folder, 'instructions.json'), JSON.stringify(range(32, 48).map(question)))
  jsonLines(join(folder, 'held-out.jsonl'), range(48, 56).map(question))
  mkdirSync(join(folder, 'pope'))
  jsonLines(
    join(folder, 'pope', 'coco_pope_random.json'),
    range(56, 60).map(i => ({ question_id: i, image: String(i), text: 'fox?', label: 'yes' })),
  )
}

/** Declarations of the names that a block uses and leaves to the reader. */
function contextOf(block: string): string {
  const given = {
    queryEmbedding: `const queryEmbedding = new Float32Array(${DIM}).fill(0.5)`,
    signal: 'const { signal } = new AbortController()',
    onProgress: 'const onProgress = () => {}',
    fetch: `globalThis.fetch = async () => new Response((await import('node:fs')).readFileSync('aligner.safetensors'))`,
    step: 'const step = 800',
    ...Object.fromEntries(['image', 'text', 'gradImage', 'gradText'].map(name => [name, rowsNamed(name)])),
  }
  const needed = Object.entries(given).filter(
    ([name]) => new RegExp(`\\b${name}\\b`).test(block) && !new RegExp(`const ${name}\\b`).test(block),
  )
  return needed.map(([, code]) => code).join('\n')
}

function rowsNamed(name: string): string {
  return `const ${name} = Float32Array.from({ length: 20 * 512 }, (_, i) => Math.sin(i * ${name.length} + 1))`
}

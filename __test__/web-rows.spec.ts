import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import test from 'ava'
import { type Ended, modalityGap } from './helpers/cli.ts'
import { writeNpy } from './helpers/npy.ts'
import { folderOf } from './helpers/place.ts'
import { someRows } from './helpers/rows.ts'
import { environment, type Fault, serveFiles } from './helpers/servers.ts'

const DIM = 16
/** More than one block of a megabyte, so that reads continue behind what opening brings along. */
const ROWS = 40_000

function cli(args: readonly string[], endpoint: string): Promise<Ended> {
  return modalityGap(args, { env: { ...environment(endpoint), HF_ENDPOINT: endpoint, HF_TOKEN: 'token' } })
}

/** A folder with `rows.npy`, and the report of it without its place and time. */
function rowsIn(folder: string): string {
  return writeNpy(join(folder, 'rows.npy'), someRows(ROWS, DIM, 1), [ROWS, DIM])
}

function reportOf({ code, stdout, stderr }: Ended): Record<string, unknown> {
  if (code !== 0) throw new Error(stderr)
  const { source: _source, shards: _shards, seconds: _seconds, ...report } = JSON.parse(stdout)
  return report
}

test('rows of a web server are those of the file', async t => {
  const folder = folderOf(t)
  const file = rowsIn(folder)
  const server = await serveFiles(t, folder)
  const local = reportOf(await cli(['inspect', file, '--json'], server))
  const remote = reportOf(await cli(['inspect', `${server}/rows.npy`, '--json'], server))
  t.deepEqual(remote, local)
})

test('a server that fails for a while and connections that break are tried again', async t => {
  const folder = folderOf(t)
  const file = rowsIn(folder)
  let asked = 0
  const fault: Fault = (incoming, answer) => {
    if (incoming.method !== 'GET') return false
    asked++
    if (asked % 3 === 1) {
      answer.writeHead(503).end()
      return true
    }
    if (asked % 3 === 2) {
      const [, start, end] = /bytes=(\d+)-(\d+)/.exec(incoming.headers.range ?? '') ?? []
      const bytes = readFileSync(file)
      const until = Math.min(Number(end), bytes.length - 1)
      answer.writeHead(206, {
        'content-length': until + 1 - Number(start),
        'content-range': `bytes ${start}-${until}/${bytes.length}`,
      })
      answer.write(bytes.subarray(Number(start), Number(start) + 100), () => answer.destroy())
      return true
    }
    return false
  }
  const server = await serveFiles(t, folder, fault)
  const local = reportOf(await cli(['inspect', file, '--json'], server))
  t.deepEqual(reportOf(await cli(['inspect', `${server}/rows.npy`, '--json'], server)), local)
  t.true(asked > 3)
})

test('an object that changes while it is read is refused by name', async t => {
  const folder = folderOf(t)
  const file = rowsIn(folder)
  let asked = 0
  const server = await serveFiles(t, folder, incoming => {
    if (incoming.method === 'GET' && ++asked === 3) {
      writeFileSync(file, readFileSync(file))
    }
    return false
  })
  const { code, stderr } = await cli(['inspect', `${server}/rows.npy`], server)
  t.is(code, 1)
  t.true(stderr.includes('has changed while it was read') && stderr.includes(`(${server}/rows.npy)`), stderr)
})

test('a signature and a password in an address are not printed, and stand in no report and no receipt', async t => {
  const folder = folderOf(t)
  const rows = writeNpy(join(folder, 'rows.npy'), someRows(300, 4, 1), [300, 4])
  const server = new URL(await serveFiles(t, folder))
  const address = `http://name:s3cr3tK7@${server.host}/${basename(rows)}?X-Amz-Signature=s3cr3tK7`
  const run = (...args: string[]) => modalityGap(args, { cwd: folder, env: { NO_PROXY: '127.0.0.1' } })
  const sides = ['--image', address, '--text', address]
  const calls = [
    ['inspect', address, '--json'],
    ['inspect', address],
    ['measure', ...sides, '--html', 'report.html', '--json'],
    ['fit', ...sides, '--out', 'a.safetensors', '--json'],
    ['align', ...sides, '--out', 'out', '--html', 'align.html'],
    ['convert', '--in', address, '--out', 'rows.parquet'],
  ]
  for (const args of calls) {
    const { code, stdout, stderr } = await run(...args)
    t.is(code, 0, stderr)
    t.notRegex(stdout + stderr, /s3cr3tK7/, args[0])
  }
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const file = join(folder, name)
    if (statSync(file).isFile()) t.false(readFileSync(file).includes('s3cr3tK7'), name)
  }
  const gone = await run('inspect', address.replace('rows.npy', 'gone.npy'))
  t.is(gone.code, 1)
  t.regex(gone.stderr, /no such file or folder \(http:\/\/…@127\.0\.0\.1:\d+\/gone\.npy\?…\)/)
  const again = await run(
    'align',
    ...sides.map(each => each.replace('Signature=s3cr3tK7', 'Signature=new')),
    '--out',
    'out',
    '--resume',
  )
  t.is(again.code, 0, again.stderr)
})

test('what a server refuses is said with what to do', async t => {
  const answers: [Fault, RegExp][] = [
    [() => false, /no such file or folder \(.*absent\.npy\)/],
    [
      (_, answer) => Boolean(answer.writeHead(403).end()),
      /cannot be read: access is denied \(401 or 403\).*absent\.npy/,
    ],
    [() => true, /cannot be read: .*time.*absent\.npy/s],
    [
      (_, answer) =>
        Boolean(
          answer.writeHead(200, { 'content-length': 9, 'last-modified': new Date().toUTCString() }).end('123456789'),
        ),
      /does not serve ranges of bytes; download the file/,
    ],
  ]
  for (const [fault, expected] of answers) {
    const server = await serveFiles(t, folderOf(t), fault)
    const { code, stderr } = await cli(['inspect', `${server}/absent.npy`], server)
    t.is(code, 1)
    t.regex(stderr, expected)
  }
})

test('a folder of a repository on the hub is listed page by page and read with the token', async t => {
  const folder = folderOf(t)
  const path = join(folder, 'datasets', 'owner', 'name', 'resolve', 'v1', 'data')
  mkdirSync(path, { recursive: true })
  const names = ['a_0.npy', 'a_1.npy', 'a_2.npy']
  for (const [i, name] of names.entries()) writeNpy(join(path, name), someRows(50, DIM, i), [50, DIM])
  const tokens = new Set<string | undefined>()
  const server = await serveFiles(t, folder, (incoming, answer) => {
    tokens.add(incoming.headers.authorization)
    const url = new URL(incoming.url ?? '/', 'http://host')
    const prefix = '/api/datasets/owner/name/tree/v1/'
    if (!url.pathname.startsWith(prefix)) return false
    if (url.pathname !== `${prefix}data`) {
      answer.writeHead(404).end('{}')
      return true
    }
    const page = Number(url.searchParams.get('cursor') ?? 0)
    const next = `<${`http://${incoming.headers.host}${prefix}data`}?cursor=${page + 1}>; rel="next"`
    const listed = [{ type: 'file', path: `data/${names[page]}`, size: 1 }]
    answer.writeHead(200, page + 1 < names.length ? { link: next } : {}).end(JSON.stringify(listed))
    return true
  })
  const local = reportOf(await cli(['inspect', path, '--json'], server))
  const remote = reportOf(await cli(['inspect', 'hf://datasets/owner/name@v1/data', '--json'], server))
  t.deepEqual(remote, local)
  t.deepEqual([...tokens], ['Bearer token'])
})

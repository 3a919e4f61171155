import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { Aligner, measureGap, openEmbeddings, Tracker } from '../src/index.ts'
import { openDataset, ReVision } from '../src/revision/index.ts'
import { MAIN, modalityGap } from './helpers/cli.ts'
import { writeNpy } from './helpers/npy.ts'
import { folderOf } from './helpers/place.ts'
import { material, sideRows, tinyConfig } from './helpers/revision.ts'
import { someRows } from './helpers/rows.ts'
import { AUTHORIZATION, ask, environment, objects, pass, proxy, startS3 } from './helpers/servers.ts'

/** Longer than a test may take: what ends before was ended by something else than the time-out. */
const NEVER = { MODALITY_GAP_NETWORK_TIMEOUT: '3600' }

/** Puts an npy file of rows, here and into the bucket `rows`. */
async function put(endpoint: string, folder: string, name: string, rows: number, dim: number): Promise<void> {
  const file = writeNpy(join(folder, name), someRows(rows, dim, name.length), [rows, dim])
  await ask('PUT', `${endpoint}/rows/${name}`, readFileSync(file))
}

async function started(t: ExecutionContext): Promise<{ endpoint: string; folder: string }> {
  const endpoint = await startS3(t)
  await ask('PUT', `${endpoint}/rows`)
  return { endpoint, folder: folderOf(t) }
}

for (const [what, stalls] of [
  ['reads', (method: string, range: string) => method === 'GET' && /bytes=(?!0-)/.test(range)],
  ['writes', (method: string) => method === 'PUT'],
] as const) {
  test.serial(`an abort ends a job at once whose request ${what} and gets no answer`, async t => {
    const { endpoint, folder } = await started(t)
    await put(endpoint, folder, 'image.npy', 40_000, 16)
    await put(endpoint, folder, 'text.npy', 40_000, 16)
    const controller = new AbortController()
    const held = await proxy(t, endpoint, ({ method = '', headers }) => {
      const stalled = stalls(method, headers.range ?? '')
      if (stalled) controller.abort(new Error('enough'))
      return stalled
    })
    Object.assign(process.env, environment(held), NEVER)
    const [target, source] = [await openEmbeddings('s3://rows/image.npy'), await openEmbeddings('s3://rows/text.npy')]
    const out = `s3://rows/${what}`
    const { signal } = controller
    const error = await t.throwsAsync(Aligner.alignTo({ target, source, out }, { signal }), { code: 'CANCELLED' })
    t.is((error?.cause as Error | undefined)?.message, 'enough')
    t.is((await objects(endpoint, what)).size, 0)
  })
}

test.serial('an abort ends an opening at once whose request gets no answer', async t => {
  const { endpoint, folder } = await started(t)
  await put(endpoint, folder, 'image.npy', 40, 16)
  const controller = new AbortController()
  const held = await proxy(t, endpoint, () => {
    controller.abort(new Error('enough'))
    return true
  })
  Object.assign(process.env, environment(held), NEVER)
  const { signal } = controller
  const error = await t.throwsAsync(openEmbeddings('s3://rows/image.npy', {}, { signal }), { code: 'CANCELLED' })
  t.is((error?.cause as Error | undefined)?.message, 'enough')
  await t.throwsAsync(openEmbeddings('s3://rows/image.npy', {}, { signal }), { code: 'CANCELLED' })
})

test.serial('an abort ends at once what waits for a store, whatever it waits for', async t => {
  const { endpoint, folder } = await started(t)
  await put(endpoint, folder, 'image.npy', 40, 16)
  const captions = someRows(40, 16, 5)
  const lines = Array.from({ length: 40 }, (_, i) => {
    return JSON.stringify({ image_id: i >> 1, embedding: [...captions.subarray(16 * i, 16 * (i + 1))] })
  })
  await ask('PUT', `${endpoint}/rows/captions.jsonl`, Buffer.from(lines.join('\n')))
  let controller = new AbortController()
  let opened = false
  // rows are answered for until they are opened, all else is not
  const held = await proxy(t, endpoint, ({ url = '' }) => {
    const stalled = opened || !/image\.npy|captions/.test(url)
    if (stalled) controller.abort(new Error('enough'))
    return stalled
  })
  Object.assign(process.env, environment(held), NEVER)
  const [image, text] = [await openEmbeddings('s3://rows/image.npy'), await openEmbeddings('s3://rows/captions.jsonl')]
  const here = await openEmbeddings(captions, { dim: 16 })
  const aligner = await Aligner.fit({ target: here, source: here })
  const tracker = new Tracker({ freezeAt: 0 })
  const run = (changes: object) => ReVision.open(tinyConfig(material(t), { stage2: false, ...changes }))
  const trained = await run({ stage1: false, embeddings: { aligner: 's3://rows/a.safetensors' } })
  const rows = sideRows(2, 'image')
  for (const [what, waits] of [
    ['ids', signal => openEmbeddings('s3://rows/image.npy', { ids: 's3://rows/ids.txt' }, { signal })],
    ['an aligner', signal => Aligner.load('s3://rows/a.safetensors', { signal })],
    ['an aligner to be written', signal => aligner.save('s3://rows/a.safetensors', { signal })],
    ['a frame to be written', signal => measureGap({ image, text: here, saveFrame: 's3://rows/f' }, { signal })],
    ['opened rows of a measurement with ids of their own', signal => measureGap({ image, text }, { signal })],
    ['opened rows of a fit', signal => Aligner.fit({ target: image, source: text, holdout: 0.2 }, { signal })],
    ['rows of a step', signal => tracker.push({ step: 0, image: 's3://rows/i.npy', text: here }, { signal })],
    ['records', signal => openDataset({ records: 's3://rows/records.jsonl' }, { signal })],
    [
      'records of a run',
      async signal => (await run({ stage1: { data: 's3://rows/records.jsonl' } })).pretrain({ signal }),
    ],
    ['rows of a question', signal => trained.generate({ prompt: 'what', rows }, { signal })],
  ] as [string, (signal: AbortSignal) => Promise<unknown>][]) {
    controller = new AbortController()
    opened = what.startsWith('opened')
    const error = await t.throwsAsync(waits(controller.signal), { code: 'CANCELLED' }, what)
    t.is((error?.cause as Error | undefined)?.message, 'enough', what)
  }
})

for (const [when, stalls] of [
  ['an answer', (range: string, url: string) => url.includes('image') && /bytes=(?!0-)/.test(range)],
  ['the first answer', (_: string, url: string) => url.includes('image')],
  ['ids', (_: string, url: string) => url.includes('ids')],
] as const) {
  test(`Ctrl-C ends a command that waits for ${when}`, async t => {
    const { endpoint, folder } = await started(t)
    await put(endpoint, folder, 'image.npy', 40_000, 16)
    let interrupt: (() => void) | undefined
    const held = await proxy(t, endpoint, ({ method, headers, url = '' }) => {
      const stalled = method === 'GET' && stalls(headers.range ?? '', url)
      if (stalled) interrupt?.()
      return stalled
    })
    await ask('PUT', `${endpoint}/rows/ids.txt`, Buffer.from('a\n'.repeat(40_000)))
    const ids = when === 'ids' ? ['--image-ids', 's3://rows/ids.txt', '--text-ids', 's3://rows/ids.txt'] : []
    const sides = ['--image', 's3://rows/image.npy', '--text', 's3://rows/image.npy', ...ids]
    const { code, stderr } = await modalityGap(['fit', ...sides, '--out', join(folder, 'a.safetensors')], {
      env: { ...environment(held), ...NEVER },
      started: child => {
        interrupt = () => {
          // a second one would end it at once
          interrupt = undefined
          child.kill('SIGINT')
        }
      },
    })
    t.is(code, 130, stderr)
    t.regex(stderr, /interrupted/)
  })
}

test('of two jobs that race for one output one refuses, and the output is that of the other', async t => {
  const { endpoint, folder } = await started(t)
  for (const name of ['image.npy', 'a.npy', 'other.npy']) await put(endpoint, folder, name, 4000, 16)
  const notes: { answer: ServerResponse; go: () => void }[] = []
  // both have looked and found nothing when the first of them writes its note; this server does not compare and write in one go,
  // so the other note follows its answer
  const before = await proxy(t, endpoint, (incoming, answer) => {
    if (incoming.method !== 'PUT' || !incoming.url?.endsWith('/both/_run/job.json') || notes.length === 2) return false
    notes.push({ answer, go: () => pass(incoming, answer, endpoint) })
    const [first, second] = notes
    if (first && second) {
      first.answer.once('finish', second.go)
      first.go()
    }
    return 'later'
  })
  const run = (text: string) => {
    const sides = ['--image', 's3://rows/image.npy', '--text', `s3://rows/${text}`]
    return modalityGap(['align', ...sides, '--out', 's3://rows/both'], { env: environment(before) })
  }
  const ended = await Promise.all([run('a.npy'), run('other.npy')])
  const codes = ended.map(({ code }) => code)
  t.deepEqual([...codes].sort(), [0, 2], ended.map(({ stderr }) => stderr).join('\n'))
  const [winner, loser] = codes[0] === 0 ? ['a.npy', 'other.npy'] : ['other.npy', 'a.npy']
  const sides = ['--image', join(folder, 'image.npy'), '--text', join(folder, winner as string)]
  t.is((await modalityGap(['align', ...sides, '--out', join(folder, 'local')])).code, 0)
  const remote = await objects(endpoint, 'both')
  t.false(remote.has(loser as string))
  for (const name of [winner as string, 'aligner.safetensors']) {
    t.true(remote.get(name)?.equals(readFileSync(join(folder, 'local', name))), name)
  }
})

test.serial('a listing of more objects than one answer holds is whole', async t => {
  const { endpoint } = await started(t)
  const folder = folderOf(t)
  const count = 1_105
  const file = readFileSync(writeNpy(join(folder, 'one.npy'), someRows(2, 4, 1), [2, 4]))
  for (let from = 0; from < count; from += 50) {
    const names = Array.from({ length: Math.min(50, count - from) }, (_, i) => String(from + i).padStart(5, '0'))
    await Promise.all(names.map(name => ask('PUT', `${endpoint}/rows/many/${name}.npy`, file)))
  }
  let lists = 0
  const counted = await proxy(t, endpoint, ({ url = '' }) => {
    if (url.includes('list-type=2')) lists++
    return false
  })
  Object.assign(process.env, environment(counted))
  const rows = await openEmbeddings('s3://rows/many')
  t.is(rows.shards.length, count)
  t.is(rows.rows, 2 * count)
  t.true(lists > 1)
})

test('an upload in parts that is killed leaves nothing that a listing shows, and a resumed run completes it', async t => {
  const { endpoint, folder } = await started(t)
  // 20 MiB: three parts
  await put(endpoint, folder, 'text.npy', 40_000, 128)
  await put(endpoint, folder, 'image.npy', 2000, 128)
  const args = (from: string, out: string) => [
    'align',
    '--image',
    `${from}/image.npy`,
    '--text',
    `${from}/text.npy`,
    '--out',
    out,
  ]
  t.is((await modalityGap(args(folder, join(folder, 'out')))).code, 0)
  const parts: string[] = []
  let kill: (() => void) | undefined
  const before = await proxy(t, endpoint, ({ method, url = '' }) => {
    const part = method === 'PUT' ? /\/out\/text\.npy\?partNumber=(\d+)/.exec(url)?.[1] : undefined
    if (part === undefined) return false
    parts.push(part)
    if (parts.length === 2) kill?.()
    return parts.length === 2
  })
  const remote = args('s3://rows', 's3://rows/out')
  const child = spawn(process.execPath, [MAIN, ...remote], {
    env: { ...process.env, ...environment(before), ...NEVER },
    stdio: 'ignore',
  })
  kill = () => child.kill('SIGKILL')
  const [, signal] = await once(child, 'exit')
  t.is(signal, 'SIGKILL')
  t.deepEqual(
    [...(await objects(endpoint, 'out')).keys()].filter(name => !name.startsWith('_run/')),
    [],
  )
  kill = undefined
  parts.length = 2
  const resumed = await modalityGap([...remote, '--resume'], { env: { ...environment(before), ...NEVER } })
  t.is(resumed.code, 0, resumed.stderr)
  t.deepEqual(parts.slice(2).sort(), ['1', '2', '3'])
  const stored = await objects(endpoint, 'out')
  for (const name of ['text.npy', 'aligner.safetensors']) {
    t.true(stored.get(name)?.equals(readFileSync(join(folder, 'out', name))), name)
  }
})

test('credentials that expire during a job are named, and the job is resumed with new ones', async t => {
  const { endpoint, folder } = await started(t)
  for (const name of ['image.npy', 'text_0.npy', 'text_1.npy']) await put(endpoint, folder, name, 40_000, 16)
  const args = (from: string, out: string) => [
    ...['align', '--image', `${from}/image.npy`, '--text', `${from}/text_0.npy`, `${from}/text_1.npy`],
    ...['--out', out, '--threads', '1'],
  ]
  t.is((await modalityGap(args(folder, join(folder, 'out')))).code, 0)
  const expired = '<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>'
  let valid = true
  const before = await proxy(t, endpoint, ({ method, url = '' }, answer) => {
    // from the second output on
    if (method === 'PUT' && url.endsWith('/out/text_1.npy') && valid) valid = false
    if (!valid) answer.writeHead(400).end(expired)
    return !valid
  })
  const remote = args('s3://rows', 's3://rows/out')
  const failed = await modalityGap(remote, { env: environment(before) })
  t.is(failed.code, 1)
  t.regex(failed.stderr, /the credentials have expired; get new ones.*\(s3:\/\/rows\/out\/text_1\.npy\)/)
  const resumed = await modalityGap([...remote, '--resume'], { env: environment(endpoint) })
  t.is(resumed.code, 0, resumed.stderr)
  const stored = await objects(endpoint, 'out')
  for (const name of ['text_0.npy', 'text_1.npy', 'aligner.safetensors']) {
    t.true(stored.get(name)?.equals(readFileSync(join(folder, 'out', name))), name)
  }
})

test('an object of many parts is sent to Google Cloud Storage, whose XML interface is that of S3, and read back', async t => {
  const { endpoint, folder } = await started(t)
  const file = writeNpy(join(folder, 'big.npy'), someRows(40_000, 128, 1), [40_000, 128])
  const parts: string[] = []
  const google = await proxy(t, endpoint, ({ method, url = '', headers }) => {
    const part = method === 'PUT' ? /\/big\.npy\?.*partNumber=(\d+)/.exec(decodeURIComponent(url))?.[1] : undefined
    if (part !== undefined) parts.push(part)
    // the server takes signed requests only, and checks no signature
    headers.authorization = AUTHORIZATION
    return false
  })
  const env = { ...environment(endpoint), ...NEVER, STORAGE_EMULATOR_HOST: google, HOME: '/nowhere' }
  const sent = await modalityGap(['convert', '--in', file, '--out', 'gs://rows/big.npy'], { env })
  t.is(sent.code, 0, sent.stderr)
  t.deepEqual(parts.sort(), ['1', '2', '3'])
  const back = await modalityGap(['convert', '--in', 'gs://rows/big.npy', '--out', join(folder, 'back.npy')], { env })
  t.is(back.code, 0, back.stderr)
  t.true(readFileSync(join(folder, 'back.npy')).equals((await objects(endpoint, 'big.npy')).get('big.npy') as Buffer))
  t.true(
    readFileSync(join(folder, 'back.npy'))
      .subarray(-40_000 * 128 * 4)
      .equals(readFileSync(file).subarray(-40_000 * 128 * 4)),
  )
})

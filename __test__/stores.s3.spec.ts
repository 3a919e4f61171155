import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { type Ended, MAIN, modalityGap } from './helpers/cli.ts'
import { ask, environment, objects, proxy, startS3 } from './helpers/servers.ts'
import { alignArgs, filled, SHARDS, sameOutputs } from './helpers/store-laws.ts'

interface Store {
  endpoint: string
  folder: string
}

/** A folder of two sides, here and as objects of the bucket `rows`. */
async function stored(t: ExecutionContext): Promise<Store> {
  const endpoint = await startS3(t)
  await ask('PUT', `${endpoint}/rows`)
  const put = async (name: string, bytes: Uint8Array) => void (await ask('PUT', `${endpoint}/rows/${name}`, bytes))
  return { endpoint, folder: await filled(t, { put }) }
}

function cli(args: readonly string[], endpoint: string, env: Record<string, string> = {}): Promise<Ended> {
  return modalityGap(args, { env: { ...environment(endpoint), ...env } })
}

test('align from S3 to S3 writes what it writes from folder to folder, bit for bit', async t => {
  const { endpoint, folder } = await stored(t)
  const local = await cli(alignArgs(join(folder, 'data'), join(folder, 'out')), endpoint)
  t.is(local.code, 0, local.stderr)
  const remote = await cli(alignArgs('s3://rows/data', 's3://rows/out'), endpoint)
  t.is(remote.code, 0, remote.stderr)
  await sameOutputs(t, { below: name => objects(endpoint, name) }, join(folder, 'out'))
  t.false(existsSync('s3:'))

  const again = await cli(alignArgs('s3://rows/data', 's3://rows/out'), endpoint)
  t.is(again.code, 2)
  t.regex(again.stderr, /exists already.*\(s3:\/\/rows\/out\//)
  const over = await cli(alignArgs('s3://rows/data', 's3://rows/data/text_emb'), endpoint)
  t.is(over.code, 2)
  t.regex(over.stderr, /the output would replace its input.*\(s3:\/\/rows\/data\/text_emb\//)

  const aligner = 's3://rows/out/aligner.safetensors'
  const to = 's3://rows/moved'
  const moved = await cli(
    ['transform', '--aligner', aligner, '--in', 's3://rows/data/text_emb/*_[01].npy', '--out', to],
    endpoint,
  )
  t.is(moved.code, 0, moved.stderr)
  t.is([...(await objects(endpoint, 'moved')).keys()].filter(name => name.endsWith('.npy')).length, 2)
})

test('a killed run is resumed on the store and ends with the same bytes', async t => {
  const { endpoint, folder } = await stored(t)
  const local = await cli(alignArgs(join(folder, 'data'), join(folder, 'out')), endpoint)
  t.is(local.code, 0, local.stderr)
  let kill: (() => void) | undefined
  let alive = true
  const complete = new Set<string>()
  const sent: string[] = []
  const before = await proxy(t, endpoint, ({ method, url = '' }, answer) => {
    const receipt = /out\/_run\/[^/]*-npy\/0*(\d+)\.json/.exec(url)
    const output = /out\/.*_(\d+)\.npy/.exec(url)
    if (method === 'PUT' && receipt !== null && alive) answer.once('finish', () => complete.add(receipt[1] as string))
    if (method !== 'PUT' || output === null) return false
    sent.push(output[1] as string)
    // an output is on its way, and another one complete, when the process dies
    const dies = alive && complete.size > 0
    if (dies) kill?.()
    return dies
  })
  const args = [...alignArgs('s3://rows/data', 's3://rows/out'), '--threads', '1']
  const env = { ...process.env, ...environment(before) }
  const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: 'ignore' })
  kill = () => child.kill('SIGKILL')
  const [, signal] = await once(child, 'exit')
  t.is(signal, 'SIGKILL')
  t.true(complete.size > 0 && complete.size < SHARDS, [...complete].join())

  alive = false
  sent.length = 0
  const resumed = await cli([...args, '--resume'], before)
  t.is(resumed.code, 0, resumed.stderr)
  t.true(sent.length > 0)
  t.deepEqual(
    sent.filter(shard => complete.has(shard)),
    [],
    'what was complete is not sent again',
  )
  await sameOutputs(t, { below: name => objects(endpoint, name) }, join(folder, 'out'))
})

test('stores refuse by reasons that say what to do', async t => {
  const { endpoint } = await stored(t)
  const none = await cli(['inspect', 's3://absent/rows'], endpoint)
  t.is(none.code, 1)
  t.regex(none.stderr, /cannot be read: there is no bucket "absent".*\(s3:\/\/absent\/rows\)/)
  t.notRegex(none.stderr, /permissions|readable file/, 'advice on files is not for stores')
  for (const [address, said] of [
    [
      '127.0.0.1:5055',
      /AWS_ENDPOINT_URL is "127\.0\.0\.1:5055"; expected the address of a server, http\(s\):\/\/HOST:PORT/,
    ],
    ['nonsense', /AWS_ENDPOINT_URL is "nonsense"; expected the address of a server/],
    ['http://example.invalid', /AWS_ENDPOINT_URL names a server that does not encrypt; .*AWS_ALLOW_HTTP=true/],
  ] as const) {
    const { code, stderr } = await cli(['inspect', 's3://rows/data/img_emb'], address)
    t.is(code, 1)
    t.regex(stderr, said)
    t.notRegex(stderr, /panicked/)
  }
  const expired = '<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>'
  const old = await proxy(t, endpoint, (_, answer) => Boolean(answer.writeHead(400).end(expired)))
  const late = await cli(['inspect', 's3://rows/data/img_emb'], old)
  t.is(late.code, 1)
  t.regex(late.stderr, /the credentials have expired; get new ones/)

  const headers = new Set<boolean>()
  const watched = await proxy(t, endpoint, incoming => {
    headers.add('authorization' in incoming.headers)
    return false
  })
  await cli(['inspect', 's3://rows/data/img_emb'], watched, { AWS_SKIP_SIGNATURE: 'true' })
  t.deepEqual([...headers], [false], 'requests are anonymous')
})

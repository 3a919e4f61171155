/**
 * `align` from a bucket to a bucket against copying with boto3, which reads all files once and writes the text files. Both use a server of
 * S3's interface (moto) on this machine, in alternating runs; `align` reads the text files once for each of its passes.
 *   node benches/stores.mjs [--rows 100000] [--dim 1280] [--runs 5]
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { s3Server } from '../scripts/data/s3-server.mjs'
import { scriptOptions } from '../scripts/options.mjs'
import { measure, median } from './child.mjs'

const { values } = scriptOptions({
  options: {
    rows: { type: 'string', default: '100000' },
    dim: { type: 'string', default: '1280' },
    runs: { type: 'string', default: '5' },
  },
})
const [rows, dim, runs] = [values.rows, values.dim, values.runs].map(Number)
const MAIN = join(import.meta.dirname, '..', 'dist', 'cli', 'main.js')

/** Passes over the image files and over the text files, of which the last one writes: statistics, centroid, map. */
const READ = { image: 1, text: 3 }

/** Copies with the threads, parts and retries that `aws s3 cp` has, from the bucket to a file and back. */
const COPY = `
import boto3, os, sys, tempfile
client = boto3.client('s3')
with tempfile.TemporaryDirectory() as folder:
    for name in ('image.npy', 'text.npy'):
        client.download_file('rows', name, os.path.join(folder, name))
    client.upload_file(os.path.join(folder, 'text.npy'), 'rows', 'copied/text.npy')
`
const MAKE = `
import boto3
client = boto3.client('s3')
client.create_bucket(Bucket='rows')
`

const folder = mkdtempSync(join(tmpdir(), 'modality-gap-stores-'))
const { command, args, env } = s3Server()
const server = spawn(command, [...args, '-H', '127.0.0.1', '-p', '0'], {
  env: { ...process.env, ...env, PYTHONUNBUFFERED: '1' },
  stdio: ['ignore', 'ignore', 'pipe'],
})
try {
  const endpoint = await listening(server)
  const own = {
    ...process.env,
    ...env,
    AWS_ENDPOINT_URL: endpoint,
    AWS_ACCESS_KEY_ID: 'key',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_REGION: 'us-east-1',
    AWS_DEFAULT_REGION: 'us-east-1',
    NO_PROXY: '127.0.0.1',
  }
  await timed(command, ['-c', MAKE], own)
  for (const [name, seed] of [
    ['image', 1],
    ['text', 2],
  ]) {
    const file = join(folder, `${name}.npy`)
    writeRows(file, seed)
    await timed(
      command,
      ['-c', `import boto3; boto3.client('s3').upload_file(${JSON.stringify(file)}, 'rows', '${name}.npy')`],
      own,
    )
  }
  const sides = ['--image', 's3://rows/image.npy', '--text', 's3://rows/text.npy']
  const align = [MAIN, 'align', ...sides, '--out', 's3://rows/aligned', '--overwrite']
  const times = { align: [], copy: [] }
  for (let run = 0; run < runs; run++) {
    times.copy.push(await timed(command, ['-c', COPY], own))
    times.align.push(await timed(process.execPath, align, own))
  }
  const size = (rows * dim * 2) / 1e6
  const moved = { align: (READ.image + READ.text + 1) * size, copy: 3 * size }
  const found = { align: median(times.align), copy: median(times.copy) }
  const rate = name => moved[name] / found[name]
  const line = name => {
    const all = times[name].map(seconds => seconds.toFixed(2)).join(', ')
    return `${found[name].toFixed(2)} s, ${moved[name].toFixed(0)} MB, ${rate(name).toFixed(0)} MB/s (${all})`
  }
  console.log(`${rows} × ${dim} f16 a side, ${runs} runs; ${availableParallelism()} × ${cpus()[0]?.model}`)
  console.log(`align s3 → s3   ${line('align')}`)
  console.log(`copy with boto3 ${line('copy')}`)
  console.log(
    `ratio of time ${(found.copy / found.align).toFixed(2)}, of throughput ${(rate('align') / rate('copy')).toFixed(2)}`,
  )
} finally {
  server.kill()
  rmSync(folder, { recursive: true, force: true })
}

async function listening(child) {
  const lines = createInterface(child.stderr)
  const found = new Promise(resolve => {
    lines.on('line', line => {
      const address = /Running on (http:\S+)/.exec(line)?.[1]
      if (address) resolve(address)
    })
  })
  const ended = once(child, 'exit').then(([code]) => Promise.reject(new Error(`the server ended with ${code}`)))
  return await Promise.race([found, ended])
}

/** Seconds of a command; the log of the server, whose pipe would fill, is read meanwhile. */
async function timed(program, words, environment) {
  return (await measure(program, words, { env: environment })).seconds
}

/** Rows of f16 by chance around a direction of their side's; bits of numbers between 2⁻⁶ and 2⁻⁴ with a sign. */
function writeRows(file, seed) {
  const header = `{'descr': '<f2', 'fortran_order': False, 'shape': (${rows}, ${dim}), }`
  const padded = `${header.padEnd(117)}\n`
  const to = openSync(file, 'w')
  writeSync(
    to,
    Buffer.concat([Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, padded.length, 0]), Buffer.from(padded)]),
  )
  let state = seed
  const block = new Uint16Array(1000 * dim)
  for (let at = 0; at < rows; at += 1000) {
    for (let i = 0; i < block.length; i++) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      const positive = i % dim < 8 * seed || state & 0x8000_0000
      block[i] = (positive ? 0 : 0x8000) | (0x2400 + ((state >>> 8) & 0x7ff))
    }
    writeSync(to, new Uint8Array(block.buffer, 0, 2 * Math.min(1000, rows - at) * dim))
  }
  closeSync(to)
}

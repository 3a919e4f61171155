import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import test from 'ava'
import { node } from './helpers/cli.ts'

const ENTRY = pathToFileURL(join(import.meta.dirname, '..', 'dist', 'index.js')).href
const FIT = `
  import { Aligner, openEmbeddings } from ${JSON.stringify(ENTRY)}
  const rows = phase => Float32Array.from({ length: 2000 * 16 }, (_, i) => Math.sin(i * phase) + (i % 16) / 16)
  const target = await openEmbeddings(rows(1.3), { dim: 16 })
  const source = await openEmbeddings(rows(2.1), { dim: 16 })
`

// a process that native threads held would never end, which the runner reports

const exits = (code: string) => node(['--input-type=module', '--eval', code])

test('a process ends after its jobs have', async t => {
  const ended = await exits(`${FIT} await Aligner.fit({ target, source }, { onProgress() {} }); console.log('done')`)
  t.like(ended, { code: 0, stdout: 'done\n', stderr: '' })
})

test('process.exit in the middle of a job ends the process', async t => {
  const endless = '{ target, source, centroidIterations: 1_000_000 }, { onProgress() {} }'
  const ended = await exits(`${FIT} Aligner.fit(${endless}); setTimeout(() => process.exit(7), 100)`)
  t.like(ended, { code: 7, stderr: '' })
})

test('an exception that nobody catches while a job runs ends the process as usual', async t => {
  const endless = '{ target, source, centroidIterations: 1_000_000 }'
  const ended = await exits(`${FIT} Aligner.fit(${endless}); setTimeout(() => { throw new Error('mine') }, 100)`)
  t.like(ended, { code: 1 })
  t.regex(ended.stderr, /Error: mine/)
})

test('a job that is aborted lets the process end', async t => {
  const ended = await exits(`${FIT}
    const signal = AbortSignal.timeout(100)
    await Aligner.fit({ target, source, centroidIterations: 1_000_000 }, { signal }).catch(e => console.log(e.code))`)
  t.like(ended, { code: 0, stdout: 'CANCELLED\n', stderr: '' })
})

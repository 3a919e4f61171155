import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import test from 'ava'
import { HOSTILE, TALK } from '../scripts/campaign/kinds/hostile-templates.ts'
import { jsonOf, modelFolder } from './helpers/model-cases.ts'

const script = fileURLToPath(new URL('./helpers/hostile-template.mjs', import.meta.url))
const loader = fileURLToPath(new URL('../scripts/typescript/register.mjs', import.meta.url))

/** What the library may take beside Node itself. */
const BYTES = 1e9

interface Outcome {
  code?: string
  message?: string
  file?: string
  positions?: number[]
  bytes: number
}

/** Opens a folder in a process of its own, which fails where that dies. */
async function outcome(folder: string): Promise<Outcome> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', loader, script, folder])
  return JSON.parse(stdout)
}

for (const [name, source] of Object.entries(HOSTILE)) {
  test(`hostile template: ${name}`, async t => {
    const folder = modelFolder(t, { 'chat_template.jinja': source + TALK })
    const { bytes, ...found } = await outcome(folder)
    t.true(['BAD_MODEL', 'BAD_SAMPLE'].includes(found.code as string), JSON.stringify(found))
    t.regex(found.message as string, /chat_template\.jinja/)
    t.true(bytes < BYTES, `${bytes} bytes`)
  })
}

test('a template that is none is named with file and line', async t => {
  const folder = modelFolder(t, { 'chat_template.jinja': '\n{% if %}' })
  const { code, file, message } = await outcome(folder)
  t.is(code, 'BAD_MODEL')
  t.is(file, `${folder}/chat_template.jinja`)
  t.regex(message as string, /line 2/)
})

test('rules of a tokenizer that multiply a text are refused by name', async t => {
  const rule = { type: 'Replace', pattern: { String: 'a' }, content: 'a'.repeat(10_000) }
  const normalizer = { type: 'Sequence', normalizers: [rule, rule, rule] }
  const folder = modelFolder(t, { 'tokenizer.json': { ...jsonOf('tokenizer.json'), normalizer } })
  const { code, message, bytes } = await outcome(folder)
  t.is(code, 'BAD_MODEL')
  t.regex(message as string, /tokenizer\.json: its normalizer can make a text/)
  t.true(bytes < BYTES)
})

test('a usual template in such a process', async t => {
  const { positions } = await outcome(modelFolder(t))
  t.deepEqual(positions?.length, 1)
})

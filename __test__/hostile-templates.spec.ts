import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import test from 'ava'
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

const talk = '{% for m in messages %}{{ m.content }} {% endfor %}'
const loop = (body: string, times = 10_000) => `{% for i in range(${times}) %}${body}{% endfor %}`
const hostile: Record<string, string> = {
  'a namespace in itself': '{% set ns = namespace() %}{% set ns.a = ns %}{{ ns }}',
  'a namespace in itself through a list': '{% set ns = namespace() %}{% set ns.a = [{"b": ns}] %}{{ ns.a | string }}',
  'a namespace in itself by a filter':
    '{% set ns = namespace() %}{% set ns.a | default(ns, true) %}{% endset %}{{ ns }}',
  'two namespaces in each other':
    '{% set a = namespace() %}{% set b = namespace(a=a) %}{% set a.b = b %}{{ a == b }}{{ a | tojson }}',
  'a nested value, printed': `{% set ns = namespace(x={}) %}${loop('{% set ns.x = {"a": ns.x} %}')}{{ ns.x }}`,
  'a nested value, dropped': `{% set ns = namespace(x={}) %}${loop('{% set ns.x = {"a": ns.x} %}')}`,
  'a nested value of views': `{% set ns = namespace(x={}) %}${loop('{% set ns.x = {"a": ns.x.values()} %}')}{{ ns.x }}`,
  'nested values without a loop': `{% set x0 = [] %}${Array.from({ length: 2_000 }, (_, i) => `{% set x${i + 1} = [x${i}] %}`).join('')}{{ x2000 }}`,
  'a value that doubles': `{% set ns = namespace(x=[1]) %}${loop('{% set ns.x = [ns.x, ns.x] %}', 40)}{{ ns.x }}`,
  'a value that doubles in nested loops': `${Array.from({ length: 40 }, (_, i) => `{% for x${i + 1} in [[x${i}, x${i}]] %}`).join('')}{{ x40 }}${'{% endfor %}'.repeat(40)}`,
  'a value that doubles in macros':
    '{% macro f(x, n) %}{% if n %}{{ f([x, x], n - 1) }}{% else %}{{ x }}{% endif %}{% endmacro %}{{ f([1], 40) }}',
  'a value that doubles in blocks': `{% set x0 = [1] %}${Array.from({ length: 40 }, (_, i) => `{% with x${i + 1} = [x${i}, x${i}] %}`).join('')}{{ "" ~ x40 }}${'{% endwith %}'.repeat(40)}`,
  'a value that doubles in a loop that calls itself': '{% for x in [[1]] recursive %}{{ loop([[x, x]]) }}{% endfor %}',
  'products of lists': `{{ "" ~ ${'['.repeat(20)}1${'] * 99'.repeat(20)} }}`,
  'products of lists from the left': '{% set x = range(9999) | list %}{{ "" ~ 99999 * x }}',
  'many terms': `{{ ${'1+'.repeat(8_000)}1 }}`,
  'many signs': `{{ ${'not '.repeat(8_000)}1 }}`,
  'many filters': `{{ 1${'|abs'.repeat(8_000)} }}`,
  'many branches': `{% if 0 %}${'{% elif 0 %}'.repeat(8_000)}{% endif %}`,
  'many brackets': `{{ ${'['.repeat(8_000)}${']'.repeat(8_000)} }}`,
  'many calls': `{{ a${'()'.repeat(8_000)} }}`,
  'many attributes': `{{ a${'.b'.repeat(8_000)} }}`,
  'many conditions': `{{ ${'1 if 1 else '.repeat(8_000)}1 }}`,
  'many blocks': `${'{% if 1 %}'.repeat(8_000)}${'{% endif %}'.repeat(8_000)}`,
  'a long source': 'x'.repeat(1 << 20),
  'a wide field': '{{ "{:>9999999999}".format("a") }}',
  'a wide field of a filter': '{{ "%9999999999d" | format(1) }}',
  'a precise field': '{{ "{:.99999999f}".format(1.5) }}',
  'a wide text': '{{ "a".center(9999999999) }}',
  'a wide indent': '{{ [1] | tojson(indent=9999999999) }}',
  'a long text': `{% set ns = namespace(x="aaaaaaaa") %}${loop('{% set ns.x = ns.x ~ ns.x %}')}`,
  'a long replacement': `{% set ns = namespace(x="aaaaaaaa") %}${loop('{% set ns.x = ns.x.replace("a", "aaaaaaaa") %}')}`,
  'endless loops': `${'{% for a in range(9999) %}'.repeat(8)}x${'{% endfor %}'.repeat(8)}`,
  'a macro that calls itself': '{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}',
  'a macro that nests itself': '{% macro f(x) %}{{ f([x, x]) }}{% endmacro %}{{ f([]) }}',
  'a sum of lists': `{% set ns = namespace(x=[1]) %}${loop('{% set ns.x = ns.x + ns.x %}')}`,
}

for (const [name, source] of Object.entries(hostile)) {
  test(`hostile template: ${name}`, async t => {
    const folder = modelFolder(t, { 'chat_template.jinja': source + talk })
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

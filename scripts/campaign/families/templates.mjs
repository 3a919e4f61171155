// Chat templates that do what a template of a stranger might.
import { join } from 'node:path'
import { VisionModel } from '../../../src/revision/model.ts'
import { CASES, copied, written } from '../kinds/material.mjs'

const talk = '{% for m in messages %}{{ m.content }} {% endfor %}'
const loop = (body, times = 10_000) => `{% for i in range(${times}) %}${body}{% endfor %}`
const HOSTILE = {
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

/** Things that take time or memory for each step of a template. */
const text = '{% set ns = namespace(x="ab" * 1) %}{% for i in range(19) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}'
const SLOW = {
  'the length of a long text in a loop': `${text}${loop('{{ ns.x | length }}')}`,
  'a search in a long text in a loop': `${text}${loop('{% if "b" ~ i ~ "a" in ns.x %}{% endif %}')}`,
  'a comparison of long texts in a loop': `${text}{% set y = ns.x ~ "a" %}${loop('{% if ns.x == y %}{% endif %}')}`,
  'upper case of a long text in a loop': `${text}${loop('{% set y = ns.x | upper %}')}`,
  'a long text cut in a loop': `${text}${loop('{% set y = ns.x.split("a") | length %}')}`,
  'a long text turned round in a loop': `${text}${loop('{% set y = ns.x[::-1] %}')}`,
  'a long text trimmed in a loop': `${text}${loop('{% set y = ns.x.strip("ab") %}')}`,
  'a long text replaced in a loop': `${text}${loop('{% set y = ns.x.replace("a", "") %}')}`,
  'a long text in a message': `${text}{{ raise_exception(ns.x) }}`,
  'a long list sorted in a loop': `{% set x = range(9999) | list %}${loop('{% set y = x | sort(reverse=true) | first %}')}`,
  'a long list made unique in a loop': `{% set x = range(9999) | list %}${loop('{% set y = x | unique | list | length %}')}`,
  'a long list joined in a loop': `{% set x = range(9999) | list %}${loop('{% set y = x | join(",") | length %}')}`,
  'a long list as JSON in a loop': `{% set x = range(9999) | list %}${loop('{% set y = x | tojson | length %}')}`,
  'slices of a long list in a loop': `{% set x = range(9999) | list %}${loop('{% set y = x[1:][1:][1:] | list | length %}')}`,
  'groups of a long list in a loop': `{% set x = range(9999) | list %}${loop('{% set y = x | batch(3) | list | length %}')}`,
  'sums of a long list in a loop': `{% set x = range(9999) | list %}${loop('{% set y = x | sum %}')}`,
  'a long list mapped in a loop': `{% set x = range(9999) | list %}${loop('{% set y = x | map("string") | list | length %}')}`,
  'a search in a long list in a loop': `{% set x = range(9999) | list %}${loop('{% if -1 in x %}{% endif %}')}`,
}

/** Each is refused, by its steps where it takes too many. */
export const families = Object.entries({ ...HOSTILE, ...SLOW }).map(([name, source]) => ({
  id: `template: ${name}`,
  codes: ['BAD_MODEL', 'BAD_SAMPLE'],
  // the slow ones are about time
  mayBeRead: name in SLOW,
  says: /chat_template\.jinja/,
  make(folder) {
    copied(folder, { m: join(CASES, 'model-cases/lm') })
    written(folder, { 'm/chat_template.jinja': source + talk })
  },
  async read(folder) {
    const model = await VisionModel.open({ path: join(folder, 'm'), dim: 4, dtype: 'f32', threads: 1 })
    const turns = [
      { role: 'user', content: 'what is this ?' },
      { role: 'assistant', content: 'a fox' },
    ]
    return (await model.sizes([{ id: 's', rows: [], turns }])).positions
  },
}))

// Chat templates that loop, nest or grow without bounds.

/** Writes the messages, as every template here does at its end. */
export const TALK = '{% for m in messages %}{{ m.content }} {% endfor %}'
export const loop = (body: string, times = 10_000) => `{% for i in range(${times}) %}${body}{% endfor %}`

/** Templates that are refused, by what they do. */
export const HOSTILE: Readonly<Record<string, string>> = {
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

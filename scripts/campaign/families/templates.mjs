// Chat templates that do what a template of a stranger might.
import { join } from 'node:path'
import { VisionModel } from '../../../src/revision/model.ts'
import { HOSTILE, loop, TALK } from '../kinds/hostile-templates.ts'
import { CASES, copied, written } from '../kinds/material.mjs'

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
    written(folder, { 'm/chat_template.jinja': source + TALK })
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

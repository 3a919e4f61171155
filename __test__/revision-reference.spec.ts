import { readFileSync } from 'node:fs'
import test from 'ava'
import { REFERENCE, reference } from '../scripts/config/reference.ts'
import { configTypes, TYPES } from '../scripts/config/types.ts'
import { IGNORED, REFUSED, ROOT_ALIASES, STAGE_ALIASES } from '../src/revision/config/aliases.ts'
import { parseConfig } from '../src/revision/config/file.ts'
import { checkConfig } from '../src/revision/config.ts'
import { nearest } from '../src/suggest.ts'

test('no name has two meanings', t => {
  const names = [...ROOT_ALIASES, ...STAGE_ALIASES].flatMap(alias => alias.names)
  const all = [...names, ...IGNORED, ...Object.keys(REFUSED)]
  t.deepEqual([...new Set(all)], all)
})

test('a suggestion is near, or there is none', t => {
  const names = ['learningRate', 'batchSize', 'seed']
  t.is(nearest('lerningrate', names), 'learningRate')
  t.is(nearest('batch_sise', names), 'batchSize')
  t.is(nearest('sede', names), 'seed')
  t.is(nearest('colour', names), undefined)
  t.is(nearest('', names), undefined)
})

test('docs/revision-config.md is what the schema says', t => {
  t.is(readFileSync(REFERENCE, 'utf8'), reference(), 'run scripts/config-docs.mjs')
})

test('the types of the configuration are what the schema says', t => {
  t.is(readFileSync(TYPES, 'utf8'), configTypes(), 'run scripts/config-docs.mjs')
})

test('the example of the reference is a configuration', t => {
  const [, example = ''] = /```yaml\n([\s\S]*?)```/.exec(readFileSync(REFERENCE, 'utf8')) ?? []
  const { config, warning } = checkConfig(parseConfig(example, 'the example').value)
  t.is(warning, undefined)
  t.truthy(config.stage1 && config.stage2)
})

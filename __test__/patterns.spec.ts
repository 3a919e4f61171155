import { join } from 'node:path'
import test from 'ava'
import { adjoining, patternsBelow, searching } from './helpers/patterns.ts'

// V8 tries every way to match: two repetitions beside each other take a time with the square of a text, one in another no end

const SOURCES = join(import.meta.dirname, '..', 'src')

test('what takes too long is found', t => {
  const flagged = {
    adjoining: ['a*a*', String.raw`\s+\s*x`, '(a+)+', '(?:a|b+)*', String.raw`\w+\d*`, 'a+b?a+', '.*x.*', 'a+(?=b)a*'],
    searching: [String.raw`\s+$`, String.raw`\s*,`, 'a+b', '(?:a|b)*c', String.raw`x?\s+\n`],
  }
  const fine = ['a+ba+', '[^"]*"[^"]*"$', String.raw`\p{L}+\d+`, '(?:a|b)*', String.raw`^\s+$`, String.raw`[ab],\s*`]
  for (const source of flagged.adjoining) {
    t.not(adjoining({ source, flags: 'u' }).length, 0, source)
  }
  for (const source of flagged.searching) {
    t.not(searching({ source, flags: 'u' }).length, 0, source)
  }
  for (const source of fine) {
    t.deepEqual(adjoining({ source, flags: 'u' }), [], source)
  }
  t.deepEqual(searching({ source: String.raw`^\s+$`, flags: '' }), [])
  t.deepEqual(searching({ source: String.raw`(?<!\s)\s+$`, flags: '' }), [])
})

test('no expression has two adjoining repetitions, and none is searched for from every character of a run', t => {
  const all = patternsBelow(SOURCES)
  t.true(all.length > 100, `${all.length}`)
  for (const pattern of all) {
    const shown = `${pattern.place}: /${pattern.source}/${pattern.flags}`
    t.deepEqual(adjoining(pattern), [], shown)
    t.deepEqual(searching(pattern), [], shown)
  }
})

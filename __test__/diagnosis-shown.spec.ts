import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { modalityGap } from './helpers/cli.ts'
import { folderOf, SAMPLE } from './helpers/place.ts'

interface Finding {
  code?: string
  level: string
  text: string
}

const SIDES = ['--image', SAMPLE, '--text', SAMPLE]

/** Findings of a result, those of its parts included. */
function findingsIn(value: unknown): Finding[] {
  const { diagnosis = [], ...others } = Object(value) as { diagnosis?: Finding[] }
  return [...diagnosis, ...Object.values(others).flatMap(other => (typeof other === 'object' ? findingsIn(other) : []))]
}

/** A text as the page was given it. */
function plain(html: string): string {
  return html.replaceAll('&#39;', "'").replaceAll('&quot;', '"').replaceAll('&amp;', '&')
}

/** Level and sentence of each, once, in the order of the alphabet. */
function listed(findings: readonly Finding[]): string[] {
  return [...new Set(findings.map(({ level, text }) => `${level}: ${text.replace(/\.$/, '')}`))].sort()
}

const SAID_ABOVE = /on the embeddings of the fit, where it always ends below the floor/

for (const command of [
  ['measure', ...SIDES],
  ['measure', ...SIDES, '--paired'],
  ['measure', ...SIDES, '--captions-per-image', '1'],
  ['compare', ...SIDES, '--methods', 'none,realign'],
  ['compare', ...SIDES, '--paired', '--methods', 'none,mean-shift,realign'],
  ['align', ...SIDES, '--out', 'out'],
  ['align', ...SIDES, '--paired', '--holdout', '0.2', '--out', 'out'],
]) {
  test(`terminal, JSON and page of ${command.join(' ').replaceAll(SAMPLE, 'emoji')} have one list of findings`, async t => {
    const folder = folderOf(t)
    const run = async (...more: string[]) => {
      const { stdout, stderr, code } = await modalityGap([...command, '--html', 'page.html', '--overwrite', ...more], {
        cwd: folder,
      })
      t.is(code, 0, stderr)
      return stdout
    }
    const json = findingsIn(JSON.parse(await run('--json')))
    const terminal = await run()
    const page = readFileSync(join(folder, 'page.html'), 'utf8')
    const ofPage = [...page.matchAll(/<strong class="level">(\w+)<\/strong><div><p>([^<]*)<\/p>/g)]
    const shown = ofPage.map(([, level = '', words = '']) => ({ level, text: plain(words) }))
    const lines = [...terminal.matchAll(/^ {2}(problem|warning|note): (.*)$/gm)]
    // the evidence stands in brackets behind the sentence
    const printed = lines.map(([, level = '', words = '']) => ({
      level,
      text: words.replace(/ \([^()]*(\([^()]*\)[^()]*)*\)$/, ''),
    }))
    // a comparison names the strategies that a finding is about
    const ofAll = (findings: readonly Finding[]) =>
      findings.map(({ level, text }) => ({ level, text: text.replace(/^[a-z-]+(, [a-z-]+)*: /, '') }))
    // the one finding of a fit that may stand below its table
    const saidAbove = SAID_ABOVE.test(terminal)
    const right = json.filter(({ code }) => !(saidAbove && code === 'in-sample'))
    t.true(right.length > 0)
    t.deepEqual(listed(ofAll(printed)), listed(right))
    t.deepEqual(listed(ofAll(shown)), listed(json))
    t.is(saidAbove, right.length < json.length)
  })
}

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { modalityGap } from './helpers/cli.ts'
import { folderOf, SAMPLE } from './helpers/place.ts'

interface Finding {
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

for (const command of [
  ['measure', ...SIDES],
  ['measure', ...SIDES, '--paired'],
  ['compare', ...SIDES, '--paired', '--methods', 'none,realign'],
  ['align', ...SIDES, '--out', 'out'],
]) {
  test(`terminal, JSON and page of ${command.join(' ').replaceAll(SAMPLE, 'emoji')} say the same diagnosis`, async t => {
    const folder = folderOf(t)
    const html = ['--html', 'page.html', '--overwrite']
    const { stdout: text } = await modalityGap([...command, ...html], { cwd: folder })
    const { stdout: json } = await modalityGap([...command, '--json', '--overwrite'], { cwd: folder })
    const page = readFileSync(join(folder, 'page.html'), 'utf8')
    const shown = [...page.matchAll(/<strong class="level">(\w+)<\/strong><div><p>([^<]*)<\/p>/g)].map(
      ([, level, words = '']) => ({ level, words: plain(words) }),
    )
    const findings = findingsIn(JSON.parse(json))
    t.true(findings.length > 0)
    for (const { level, text: words } of findings) {
      const said = words.replace(/\.$/, '')
      if (words.startsWith('The gap was measured on the rows of the fit')) {
        t.regex(text, /on the embeddings of the fit, where it always ends below the floor/)
        continue
      }
      t.regex(text, new RegExp(`${level}: .*${said.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)}`), words)
      // the page of an alignment is that of the measurement after it
      t.true(command[0] === 'align' || shown.some(each => each.words.includes(said)), words)
    }
    t.true(shown.length > 0)
    for (const { level, words } of shown) {
      t.true(text.includes(`${level}: `) && text.includes(words.replace(/\.$/, '')), words)
    }
  })
}

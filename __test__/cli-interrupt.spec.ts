import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { modalityGap } from './helpers/cli.ts'
import { folderOf, SAMPLE } from './helpers/place.ts'

const ENDLESS = ['--image', SAMPLE, '--text', SAMPLE, '--centroid-iterations', '1000000']

/** Time to get from listening to the middle of a pass; a signal before that stops the command just as well. */
const UNDERWAY = 300

test('Ctrl-C stops in good order, leaves no half file and says how to continue', async t => {
  const out = join(folderOf(t), 'out put')
  const { code, stdout, stderr } = await modalityGap(['align', ...ENDLESS, '--out', out], {
    interruptible: child => setTimeout(() => child.kill('SIGINT'), UNDERWAY),
  })
  t.is(code, 130)
  t.is(stdout, '')
  t.regex(stderr, /^modality-gap: interrupted; [^\n]*modality-gap align --image [^\n]* --resume\n$/)
  t.true(stderr.includes(`--out '${out}' --resume`), 'quoted for the shell')
  const files = existsSync(out) ? readdirSync(out, { recursive: true, encoding: 'utf8' }) : []
  t.deepEqual(
    files.filter(name => name.endsWith('.npy') || name.includes('aligner') || name.includes('tmp')),
    [],
  )
})

for (const signal of ['SIGTERM', 'SIGHUP'] as const) {
  test(`a command without anything to keep says so, ${signal}`, async t => {
    const out = join(folderOf(t), 'aligner')
    const { code, stderr } = await modalityGap(['fit', ...ENDLESS, '--out', out], {
      interruptible: child => setTimeout(() => child.kill(signal), UNDERWAY),
    })
    t.is(code, 130)
    t.is(stderr, 'modality-gap: interrupted; nothing was left behind\n')
    t.false(existsSync(out))
  })
}

test('a second Ctrl-C ends the process at once', async t => {
  const { code, signal } = await modalityGap(['fit', ...ENDLESS, '--out', join(folderOf(t), 'aligner')], {
    interruptible: child =>
      setTimeout(() => {
        child.kill('SIGINT')
        setTimeout(() => child.kill('SIGINT'), 1)
      }, UNDERWAY),
  })
  // it may arrive when the first has already ended the command and the process is on its way out
  t.true(code === 130 || signal === 'SIGINT', `${code} ${signal}`)
})

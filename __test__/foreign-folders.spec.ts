import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { readTrackLog } from '../src/index.ts'
import { armsOf } from '../src/revision/arms.ts'
import { compareArms } from '../src/revision/compare.ts'
import { openTrainLog } from '../src/revision/logs.ts'
import { ReVision } from '../src/revision/run.ts'
import { EventWriter } from '../src/revision/tensorboard.ts'
import { openTrackLog } from '../src/tracker/log.ts'
import { flawOfRecord } from '../src/tracker/shape.ts'
import { folderOf } from './helpers/place.ts'
import { material, tinyConfig } from './helpers/revision.ts'

const LINK = { code: 'WRITE_FAILED', message: /is a link, and nothing is written through links/ }

test('a file that is not a log is not emptied', async t => {
  const folder = folderOf(t)
  for (const [name, text] of Object.entries({
    one: 'a note without a line end',
    json: '{"a": 1}',
    line: 'a note\n',
    empty: '{',
  })) {
    const path = join(folder, name)
    writeFileSync(path, text)
    for (const opened of [
      () => openTrackLog(path, undefined),
      () => openTrackLog(path, 3),
      () => openTrainLog(path, -1),
    ]) {
      // a brace alone may be the beginning of a line of ours
      if (name !== 'empty') {
        await t.throwsAsync(opened(), { code: 'BAD_FORMAT' }, name)
        t.is(readFileSync(path, 'utf8'), text)
      }
    }
  }
  const cut = join(folder, 'cut')
  writeFileSync(cut, '{"step":1,"ep')
  t.deepEqual((await openTrainLog(cut, -1)).records, [])
})

test('a log that is a link is not written through', async t => {
  const folder = folderOf(t)
  writeFileSync(join(folder, 'mine'), '{"step":1,"epoch":0}\n')
  symlinkSync(join(folder, 'mine'), join(folder, 'log.jsonl'))
  symlinkSync(join(folder, 'gone'), join(folder, 'dangling.jsonl'))
  for (const name of ['log.jsonl', 'dangling.jsonl']) {
    await t.throwsAsync(openTrainLog(join(folder, name), -1), LINK)
  }
  t.is(readFileSync(join(folder, 'mine'), 'utf8'), '{"step":1,"epoch":0}\n')
  t.false(existsSync(join(folder, 'gone')))
  mkdirSync(join(folder, 'elsewhere'))
  symlinkSync(join(folder, 'elsewhere'), join(folder, 'runs'))
  await t.throwsAsync(EventWriter.open(join(folder, 'runs')), LINK)
})

test('of a received folder no link is written through, wherever it stands', async t => {
  const folder = material(t)
  const output = join(folder, 'out')
  const changes = { stage1: { valSize: 4, saveEvery: 4 }, stage2: { saveEvery: 3 }, logging: { tensorboard: true } }
  const config = tinyConfig(folder, changes)
  await (await ReVision.open(config)).run()
  const pristine = join(folder, 'pristine')
  cpSync(output, pristine, { recursive: true })
  const places = readdirSync(pristine, { recursive: true, encoding: 'utf8' }).sort()
  t.true(places.length > 30)
  let refused = 0
  for (const place of places) {
    rmSync(output, { recursive: true })
    cpSync(pristine, output, { recursive: true })
    const [path, away] = [join(output, place), join(folder, 'away')]
    rmSync(away, { recursive: true, force: true })
    renameSync(path, away)
    symlinkSync(away, path)
    const before = contents(away)
    // what is read through a link may be read; what is written replaces the link, or is refused
    const error = await (await ReVision.open({ ...config, resume: true })).run().catch(error => error)
    t.deepEqual(contents(away), before, place)
    refused += error?.code === 'WRITE_FAILED' ? 1 : 0
  }
  t.true(refused >= 8, `${refused}`)
})

/** Files below a path, or a file, with their bytes. */
function contents(path: string): Record<string, string> {
  const names = statSync(path).isDirectory() ? readdirSync(path, { recursive: true, encoding: 'utf8' }).sort() : ['']
  const files = names.filter(name => statSync(join(path, name)).isFile())
  return Object.fromEntries(files.map(name => [name, readFileSync(join(path, name)).toString('base64')]))
}

test('arms cannot leave the folder of their comparison', async t => {
  for (const name of ['.', '..', '...', 'a/b', '../x', '']) {
    t.throws(() => armsOf([{ name, like: 'none' }]), { code: 'BAD_OPTION', message: /an arm's name is made of/ }, name)
  }
  const folder = material(t)
  mkdirSync(join(folder, 'out'))
  mkdirSync(join(folder, 'away'))
  symlinkSync(join(folder, 'away'), join(folder, 'out', 'none'))
  await t.throwsAsync(compareArms(tinyConfig(folder, { compare: { arms: ['none'], seeds: [0] } })), LINK)
  t.deepEqual(readdirSync(join(folder, 'away')), [])
})

test('a record of a tracker that lacks a part is named by it', async t => {
  const path = join(import.meta.dirname, 'fixtures', 'tracker.json')
  const whole = recordIn(JSON.parse(readFileSync(path, 'utf8')))
  t.is(flawOfRecord(whole), undefined)
  for (const [part, reason] of [
    ['gap', 'gap is missing'],
    ['frame', 'frame is missing'],
    ['u', 'u is missing'],
    ['phantomDrift', 'phantomDrift is missing'],
  ] as const) {
    const { [part]: _, ...rest } = whole
    t.is(flawOfRecord(rest), reason)
    const file = join(folderOf(t), 'log.jsonl')
    writeFileSync(file, `${JSON.stringify(rest)}\n`)
    await t.throwsAsync(readTrackLog(file), {
      code: 'BAD_FORMAT',
      message: new RegExp(`line 1 is not a record of a tracker: ${reason}`),
    })
  }
  t.is(flawOfRecord({ ...whole, v: { ...(whole.v as object), angle: 'wide' } }), 'v.angle is not a number')
  t.is(
    flawOfRecord({ ...whole, gap: { ...(whole.gap as object), interval: 3 } }),
    'gap.interval is not a list of numbers',
  )
  t.is(flawOfRecord([]), 'it is not an object')
  t.is(flawOfRecord(7), 'it is not an object')
})

/** The first record in the golden values of the tracker. */
function recordIn(golden: unknown): Record<string, unknown> {
  const found = (value: unknown): Record<string, unknown> | undefined => {
    if (typeof value !== 'object' || value === null) {
      return undefined
    }
    const own = value as Record<string, unknown>
    return 'gap' in own && 'frame' in own && 'step' in own ? own : Object.values(own).map(found).find(Boolean)
  }
  return found(golden) as Record<string, unknown>
}

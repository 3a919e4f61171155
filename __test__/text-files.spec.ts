import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { readCaptions } from '../src/analyze/caption-files.ts'
import { readBenchmark } from '../src/revision/benchmarks/read.ts'
import { readConfigFile } from '../src/revision/config/file.ts'
import { TrainingSet } from '../src/revision/data/training-set.ts'
import { stepsFrom } from '../src/tracker/source.ts'
import { folderOf } from './helpers/place.ts'

/** The same text as it leaves an editor of Windows. */
const windows = (text: string) => `\ufeff${text.replaceAll('\n', '\r\n')}\r\n\r\n`

test('a byte order mark, other line ends and blank lines at the end change nothing in any text that is read', async t => {
  const folder = folderOf(t)
  const both = async <T>(name: string, text: string, read: (path: string) => Promise<T>) => {
    const found: T[] = []
    for (const [i, content] of [text, windows(text)].entries()) {
      const path = join(folder, `${i}`, name)
      mkdirSync(join(path, '..'), { recursive: true })
      writeFileSync(path, content)
      found.push(await read(path))
    }
    t.deepEqual(found[1], found[0], name)
    return found[0] as T
  }
  t.deepEqual(await both('captions.txt', 'a fox\n\na cat', readCaptions), ['a fox', '', 'a cat'])
  t.deepEqual(await both('captions.jsonl', '"a fox"\n{"caption": "a cat"}', readCaptions), ['a fox', 'a cat'])
  t.is(
    (await both('pope.json', '{"question_id": 1, "image": "i", "text": "q", "label": "yes"}', readBenchmark)).length,
    1,
  )
  t.is((await both('mmbench.tsv', 'index\tquestion\tanswer\n7\tq\tyes', readBenchmark)).length, 1)
  const mme = await both('MME/existence/1.txt', 'Is it?\tYes', path => readBenchmark(join(path, '..', '..')))
  t.is(mme[0]?.question, 'Is it?')
  const records = await both('records.jsonl', '{"id": "a", "caption": "a fox"}', async data => {
    const set = await TrainingSet.open({ data })
    const { id, turns } = await set.train.at(0)
    await set.close()
    return { id, turns, length: set.train.length }
  })
  t.is(records.length, 1)
  const config = await both('c.yaml', 'output: out\nseed: 7', async path => (await readConfigFile(path)).value)
  t.deepEqual(config, { output: 'out', seed: 7 })
})

test('a stream of steps may begin with a byte order mark', async t => {
  const lines = windows('{"step": 3, "image": "a.npy", "text": "b.npy"}').split('\n')
  async function* stream() {
    yield* lines
  }
  const steps: number[] = []
  for await (const { step } of stepsFrom(stream())) {
    steps.push(step)
  }
  t.deepEqual(steps, [3])
})

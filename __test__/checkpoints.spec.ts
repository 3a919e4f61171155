import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import {
  checkpointsIn,
  latestCheckpoint,
  removeOldCheckpoints,
  saveCheckpoint,
  tidyCheckpoints,
} from '../src/revision/checkpoints.ts'
import { folderOf } from './helpers/place.ts'
import { STATE } from './helpers/training-logs.ts'

const state = (global_step: number) => ({ ...STATE, global_step })

async function save(output: string, step: number, content = `${step}`): Promise<string> {
  return await saveCheckpoint(output, state(step), async folder => {
    mkdirSync(join(folder, 'adapter'))
    writeFileSync(join(folder, 'adapter', 'weights'), content)
  })
}

const steps = async (output: string) => (await checkpointsIn(output)).map(({ step }) => step)

test('checkpoints are listed by step, and the newest is gone on from', async t => {
  const output = join(folderOf(t), 'deep', 'out')
  t.deepEqual(await checkpointsIn(output), [])
  t.is(await latestCheckpoint(output), undefined)
  for (const step of [100, 20, 3]) {
    await save(output, step)
  }
  t.deepEqual(await steps(output), [3, 20, 100])
  t.deepEqual(await latestCheckpoint(output), { path: join(output, 'checkpoint-100'), step: 100, state: state(100) })
  t.is(readFileSync(join(output, 'checkpoint-20', 'adapter', 'weights'), 'utf8'), '20')
  t.deepEqual(
    readdirSync(output).filter(name => name.startsWith('.')),
    [],
  )
})

test('a checkpoint that fails while it is written leaves nothing', async t => {
  const output = folderOf(t)
  await save(output, 10)
  const error = new Error('no memory')
  const failing = saveCheckpoint(output, state(20), async folder => {
    writeFileSync(join(folder, 'half'), 'x')
    throw error
  })
  t.like(await t.throwsAsync(() => failing), { code: 'WRITE_FAILED', cause: error })
  t.deepEqual(readdirSync(output), ['checkpoint-10'])
})

test('a checkpoint of the same step takes the place of the older one', async t => {
  const output = folderOf(t)
  await save(output, 10, 'old')
  await save(output, 10, 'new')
  t.is(readFileSync(join(output, 'checkpoint-10', 'adapter', 'weights'), 'utf8'), 'new')
  t.deepEqual(readdirSync(output), ['checkpoint-10'])
})

test('what is not a complete checkpoint is never gone on from', async t => {
  const output = folderOf(t)
  await save(output, 10)
  mkdirSync(join(output, 'checkpoint-20'))
  await save(output, 30)
  // its state is of another step
  renameSync(join(output, 'checkpoint-30'), join(output, 'checkpoint-40'))
  await save(output, 50)
  writeFileSync(join(output, 'checkpoint-50', 'trainer_state.json'), '{"global')
  writeFileSync(join(output, 'checkpoint-60'), 'a file')
  mkdirSync(join(output, 'checkpoint-x'))
  t.is((await latestCheckpoint(output))?.step, 10)
})

test('as many are left as asked for, the best among them', async t => {
  const output = folderOf(t)
  const paths: string[] = []
  for (const step of [1, 2, 3, 4, 5]) {
    paths.push(await save(output, step))
  }
  t.deepEqual(await removeOldCheckpoints(output, 4, [paths[4] as string, paths[1] as string]), [paths[0]])
  t.deepEqual(await steps(output), [2, 3, 4, 5])
  await removeOldCheckpoints(output, 2, [paths[4] as string, paths[1] as string])
  t.deepEqual(await steps(output), [2, 5])
  // one is asked for, and two are needed: the best to keep and the newest to continue from
  t.deepEqual(await removeOldCheckpoints(output, 1, [paths[4] as string, paths[1] as string]), [])
  await removeOldCheckpoints(output, 1, [paths[4] as string, null])
  t.deepEqual(await steps(output), [5])
  // one that was gone on from may have had others after it
  t.deepEqual(await removeOldCheckpoints(output, 1, [await save(output, 3)]), [paths[4]])
  t.deepEqual(await steps(output), [3])
  t.deepEqual(readdirSync(output), ['checkpoint-3'])
})

test('an interrupted run is cleared up after', async t => {
  const output = folderOf(t)
  await save(output, 10)
  await save(output, 20)
  const passing = (step: number, kind: string) => join(output, `.checkpoint-${step}.0123456789ab.${kind}`)
  mkdirSync(passing(30, 'tmp'))
  renameSync(join(output, 'checkpoint-10'), passing(10, 'gone'))
  // it stepped aside, and the new one never came
  renameSync(join(output, 'checkpoint-20'), passing(20, 'old'))
  await save(output, 40)
  mkdirSync(passing(40, 'old'))
  mkdirSync(join(output, '.checkpoint-of-someone'))
  await tidyCheckpoints(output)
  t.deepEqual(readdirSync(output).sort(), ['.checkpoint-of-someone', 'checkpoint-20', 'checkpoint-40'])
  t.is((await latestCheckpoint(output))?.step, 40)
  await tidyCheckpoints(join(output, 'none'))
  t.false(existsSync(join(output, 'none')))
})

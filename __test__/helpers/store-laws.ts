import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { type Ended, MAIN, modalityGap } from './cli.ts'
import { writeNpy } from './npy.ts'
import { folderOf } from './place.ts'
import { someRows } from './rows.ts'
import { proxy } from './servers.ts'

const DIM = 32
export const SHARDS = 4
const ROWS = 3000

/** A server that runs, with an empty bucket or container `rows`. */
export interface TestStore {
  /** Its address. */
  endpoint: string
  /** What a client of `endpoint`, or of a proxy before it, has in its environment. */
  env(endpoint: string): Record<string, string>
  /** Puts an object, by another client than ours. */
  put(name: string, bytes: Uint8Array): Promise<void>
  /** Names and bytes of the objects below a folder, by another client than ours. */
  below(folder: string): Promise<Map<string, Buffer>>
}

/** Starts a server that ends with the test. */
export type StartStore = (t: ExecutionContext) => Promise<TestStore>

/**
 * Tests of what holds in every store.
 *
 * @param scheme how addresses begin
 * @param absent what is said of a bucket or container that is not there
 */
export function storeLaws(scheme: 'gs' | 'az', start: StartStore, absent: RegExp): void {
  const root = `${scheme}://rows`

  test(`align from ${scheme}:// to ${scheme}:// writes what it writes from folder to folder, bit for bit`, async t => {
    const store = await start(t)
    const folder = await filled(t, store)
    const run = (args: string[]): Promise<Ended> => modalityGap(args, { env: store.env(store.endpoint) })
    const local = await run(alignArgs(join(folder, 'data'), join(folder, 'out')))
    t.is(local.code, 0, local.stderr)
    const remote = await run(alignArgs(`${root}/data`, `${root}/out`))
    t.is(remote.code, 0, remote.stderr)
    await sameOutputs(t, store, join(folder, 'out'))
    t.false(existsSync(`${scheme}:`))

    const again = await run(alignArgs(`${root}/data`, `${root}/out`))
    t.is(again.code, 2)
    t.regex(again.stderr, /exists already/)
    const aligner = ['--aligner', `${root}/out/aligner.safetensors`]
    const glob = `${root}/data/text_emb/*_[01].npy`
    const moved = await run(['transform', ...aligner, '--in', glob, '--out', `${root}/moved`])
    t.is(moved.code, 0, moved.stderr)
    const names = [...(await store.below('moved')).keys()].filter(name => name.endsWith('.npy'))
    t.deepEqual(names.sort(), ['text_emb_0.npy', 'text_emb_1.npy'])
    const lost = await run(['inspect', `${scheme}://nowhere/rows.npy`])
    t.is(lost.code, 1)
    t.regex(lost.stderr, absent)
    for (const name of ['/data/text_emb', 'data//text_emb', 'data/text_emb//']) {
      const doubled = await run(['inspect', `${root}/${name}`])
      t.is(doubled.code, 1)
      t.regex(doubled.stderr, /has an empty part \(\/\/\)/, name)
    }
  })

  test(`a killed run is resumed on ${scheme}:// and ends with the same bytes`, async t => {
    const store = await start(t)
    const folder = await filled(t, store)
    const local = await modalityGap(alignArgs(join(folder, 'data'), join(folder, 'out')))
    t.is(local.code, 0, local.stderr)
    let child: ReturnType<typeof spawn> | undefined
    let receipts = 0
    const before = await proxy(t, store.endpoint, ({ method, url = '' }, answer) => {
      const path = decodeURIComponent(url)
      if (method === 'PUT' && /out\/_run\/[^/]*-npy\/\d+\.json/.test(path)) {
        answer.once('finish', () => receipts++)
      }
      // an output is on its way, and another one complete, when the process dies
      const dies = child !== undefined && receipts > 0 && method === 'PUT' && /out\/.*_\d+\.npy/.test(path)
      if (dies) child?.kill('SIGKILL')
      return dies
    })
    const args = [...alignArgs(`${root}/data`, `${root}/out`), '--threads', '1']
    const env = { ...process.env, ...store.env(before) }
    child = spawn(process.execPath, [MAIN, ...args], { env, stdio: 'ignore' })
    const [, signal] = await once(child, 'exit')
    t.is(signal, 'SIGKILL')
    t.true(receipts > 0 && receipts < SHARDS, `${receipts}`)
    child = undefined
    const resumed = await modalityGap([...args, '--resume'], { env: store.env(before) })
    t.is(resumed.code, 0, resumed.stderr)
    await sameOutputs(t, store, join(folder, 'out'))
  })
}

/** A folder `data` of two sides of so many shards, here and in the store. */
export async function filled(t: ExecutionContext, store: Pick<TestStore, 'put'>): Promise<string> {
  const folder = folderOf(t)
  for (const [side, seed] of [
    ['img_emb', 1],
    ['text_emb', 100],
  ] as const) {
    mkdirSync(join(folder, 'data', side), { recursive: true })
    for (let i = 0; i < SHARDS; i++) {
      const name = `${side}_${i}.npy`
      const file = writeNpy(join(folder, 'data', side, name), someRows(ROWS, DIM, seed + i), [ROWS, DIM])
      await store.put(`data/${side}/${name}`, readFileSync(file))
    }
  }
  return folder
}

export function alignArgs(from: string, out: string): string[] {
  return ['align', '--image', `${from}/img_emb`, '--text', `${from}/text_emb`, '--out', out]
}

/** Compares `out` in the store with a folder, but for receipts, which name places. */
export async function sameOutputs(t: ExecutionContext, store: Pick<TestStore, 'below'>, folder: string): Promise<void> {
  const remote = await store.below('out')
  const outputs = [...remote.keys()].filter(name => !name.startsWith('_run/')).sort()
  const local = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  t.deepEqual(outputs, local.filter(name => !name.startsWith('_run') && /\.(npy|safetensors)$/.test(name)).sort())
  for (const name of outputs) t.true(remote.get(name)?.equals(readFileSync(join(folder, name))), name)
}

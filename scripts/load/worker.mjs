// A worker of the load test: jobs of all kinds, one after another, in an order of its own.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import {
  Aligner,
  compareStrategies,
  convert,
  DualEncoder,
  inspect,
  measureGap,
  openEmbeddings,
  Tracker,
  VisionModel,
} from '../../dist/index.js'

const {
  material: { folder, model },
  index,
  seed,
  jobs,
} = workerData
const COLUMNS = 64
const at = name => join(folder, name)
const values = phase =>
  Float32Array.from({ length: 4096 * COLUMNS }, (_, i) => Math.sin(i * phase) + (i % COLUMNS) / COLUMNS)
const [target, source] = [values(1.3), values(2.1)]
const threads = 1
const inMemory = rows => openEmbeddings(rows, { dim: COLUMNS })
const onDisk = role => openEmbeddings(at(`${role}.npy`), { role })

const KINDS = [
  async () => void (await inMemory(target)),
  async () => {
    const aligner = await Aligner.fit({ target: await inMemory(target), source: await inMemory(source), threads })
    aligner.transform(source)
  },
  async () => void (await measureGap({ image: await onDisk('image'), text: await onDisk('text'), parts: [], threads })),
  async () => {
    const parts = ['causes', 'retrieval']
    await measureGap(
      { image: await inMemory(target), text: await inMemory(source), paired: true, parts, threads },
      { onProgress() {} },
    )
  },
  async () => {
    const out = at(`${index}.parquet`)
    await convert(await onDisk('text'), out, { threads, sync: false })
    await inspect(await openEmbeddings(out))
    rmSync(out)
  },
  async () => {
    const tracker = new Tracker({ freezeAt: 0, rank: 8, retrievalPairs: 64, topEigen: 8, dim: COLUMNS, threads })
    for (let step = 0; step < 3; step++) await tracker.push({ step, image: target, text: source })
  },
  async () => {
    const out = at(`encoder-${index}`)
    const tower = { width: 8, layers: 1, heads: 2 }
    const shape = { dim: 6, imageSize: 8, patch: 4, image: tower, text: tower, tokens: 4 }
    const data = join(folder, 'pictures', 'pairs.jsonl')
    const encoder = await DualEncoder.train(
      { model: shape, batchSize: 4, steps: 3, data, out, threads },
      { onStep() {} },
    )
    await encoder.embedTexts(['colour 1', 'colour 2'])
    rmSync(out, { recursive: true })
  },
  async () => {
    const opened = await VisionModel.open({ path: model, dim: 4, template: 'chatml', threads, learn: { steps: 2 } })
    const asked = { role: 'user', content: 'what' }
    await opened.step({ samples: [{ id: 'a', rows: [], turns: [asked, { role: 'assistant', content: 'fox' }] }] })
    await opened.answer({ samples: [{ id: 'a', rows: [], turns: [asked] }] }, { maxNewTokens: 4 })
  },
  async () => {
    const controller = new AbortController()
    const running = Aligner.fit(
      { target: await inMemory(target), source: await inMemory(source), centroidIterations: 1_000_000, threads },
      { signal: controller.signal, onProgress: () => controller.abort() },
    )
    await running.catch(error => {
      if (error.name !== 'AbortError') throw error
    })
  },
  async () => {
    const methods = ['none', 'realign', 'mean-shift']
    await compareStrategies({ image: await onDisk('image'), text: await onDisk('text'), methods, threads })
  },
]

let state = seed
for (let i = 0; i < jobs; i++) {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
  let error
  try {
    await KINDS[(state >>> 8) % KINDS.length]()
  } catch (thrown) {
    error = thrown.stack
  }
  parentPort.postMessage({ external: process.memoryUsage().external, error })
}

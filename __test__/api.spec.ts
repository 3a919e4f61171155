import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import * as api from '../src/index.ts'
import { PortableAligner } from '../src/transform.ts'
import { folderOf } from './helpers/place.ts'
import { someRows } from './helpers/rows.ts'

const { Aligner, DualEncoder, Embeddings, ModalityGapError, ReVision, Tracker, VisionModel } = api

const TINY = join(import.meta.dirname, '..', 'crates', 'revision', 'tests', 'fixtures', 'llama-tied')
const DIM = 4

/** An argument: a value that is right, and values of other kinds that have to be refused. */
interface Argument {
  right: unknown
  wrong: readonly unknown[]
  /** Whether it is an object of options, whose keys are all known. */
  options?: true
  /** Whether it may be left out. */
  optional?: true
}

/** A function with its arguments, by the name under which users know it. */
interface Callable {
  call: (...args: never[]) => unknown
  args: readonly Argument[]
}

const THINGS = [undefined, null, 7, true, Symbol('x'), () => {}]
const but = (...kinds: string[]) => THINGS.filter(each => !kinds.includes(each === null ? 'null' : typeof each))

const text = (right = 'text'): Argument => ({ right, wrong: [...but(), {}, [], new Uint8Array(4)] })
const path = (right: string): Argument => ({ right, wrong: [...but(), {}, [], '', new Uint8Array(4)] })
const bytes = (right: Uint8Array): Argument => ({ right, wrong: [...but(), {}, [], 'file'] })
const options = (right: object): Argument => ({
  right,
  wrong: [...but('undefined'), [], 'x', new Map()],
  options: true,
})
const further = (right: object = {}): Argument => ({ ...options(right), optional: true })
const list = (right: readonly unknown[]): Argument => ({
  right,
  wrong: [...but(), {}, 'x', [{}], [undefined], [Symbol('x')]],
})
const opened = (right: unknown): Argument => ({ right, wrong: [...but(), {}, [], 'rows.npy', new Float32Array(DIM)] })
const result = (right: unknown): Argument => ({ right, wrong: [...but(), {}, 'x'] })
const name = (right: string): Argument => ({ right, wrong: [...but('undefined'), {}, 'x'], optional: true })
const input = (right: unknown): Argument => ({ right, wrong: [...but(), '', [], new Map()] })
const integer = (right: number): Argument => ({ right, wrong: [...but('number'), {}, [], 'x', 0.5] })
const overrides = (): Argument => ({ right: {}, wrong: [...but('undefined'), [], 'x'], optional: true })
const rows = (right: unknown): Argument => ({
  right,
  wrong: [...but(), {}, 'x', [], [null], [[1, 'x', 3, 4]], new Int8Array(DIM)],
})

/** Every exported function and every method, each with its arguments. */
async function table(t: ExecutionContext): Promise<Record<string, Callable>> {
  const folder = folderOf(t)
  const at = (file: string) => join(folder, file)
  const [target, source] = await Promise.all(
    [1, 2].map(seed => api.openEmbeddings(someRows(60, DIM, seed), { dim: DIM })),
  )
  const sides = { target, source }
  const both = { image: target, text: source }
  const aligner = await Aligner.fit({ target, source } as never)
  const tracker = new Tracker({ freezeAt: 0 })
  const model = await VisionModel.open({ path: TINY, dim: DIM, template: 'chatml', threads: 1 })
  const modelRows = await api.openModelRows(target as never, { cache: folder })
  const samples = [{ id: 'a', rows: [], turns: [{ role: 'user', content: 'what' }] }]
  const batch = { samples, rows: modelRows }
  const judged = [{ text: 'a fox', references: ['a red fox'] }]
  const config = {
    model: { path: TINY },
    embeddings: { image: at('i.npy') },
    evaluation: { data: at('e.jsonl') },
    output: at('run'),
  }
  const revision = await ReVision.open(config)
  const records = at('records.jsonl')
  writeFileSync(records, '{"id":"a","caption":"a fox"}\n{"id":"b","caption":"an owl"}\n')
  const described = { records, rows: target, ids: { from: 'order' }, cache: folder }
  const dataset = await api.openDataset(described as never)
  t.teardown(() => dataset.close())
  const measured = await api.measureGap({ ...both, parts: [] } as never)
  const steps = [{ step: 0, gap: { centroid: 1 } }]
  const bound = (object: object, method: string) => ((object as never)[method] as () => unknown).bind(object) as never
  return {
    'Aligner.fit': { call: Aligner.fit as never, args: [options(sides), further()] },
    'Aligner.alignTo': { call: Aligner.alignTo as never, args: [options({ ...sides, out: at('a') }), further()] },
    'Aligner.load': { call: Aligner.load as never, args: [path(at('none'))] },
    'Aligner.fromBytes': { call: Aligner.fromBytes as never, args: [bytes(aligner.toBytes())] },
    'Aligner#toBytes': { call: bound(aligner, 'toBytes'), args: [] },
    'Aligner#save': { call: bound(aligner, 'save'), args: [path(at('a.safetensors'))] },
    'Aligner#transform': { call: bound(aligner, 'transform'), args: [rows(someRows(2, DIM, 3))] },
    'Aligner#transformTo': { call: bound(aligner, 'transformTo'), args: [opened(source), path(at('t')), further()] },
    'Embeddings#dispose': { call: () => target?.label, args: [] },
    'Dataset#at': { call: bound(dataset, 'at'), args: [integer(0)] },
    'Dataset#batches': { call: bound(dataset, 'batches'), args: [integer(1), further()] },
    'Dataset#close': { call: () => {}, args: [] },
    'Dataset#embeddings': { call: bound(dataset, 'embeddings'), args: [list(samples)] },
    'Dataset#filter': {
      call: bound(dataset, 'filter'),
      args: [{ right: () => true, wrong: [...but('function'), {}, [], 'x'] }],
    },
    'Dataset#shuffle': { call: bound(dataset, 'shuffle'), args: [integer(0), further()] },
    'Dataset#split': {
      call: bound(dataset, 'split'),
      args: [
        { right: 1, wrong: [...but('number'), {}, [], 'x', -1] },
        { right: 0, wrong: [...but('undefined', 'number'), {}, 'x', 0.5], optional: true },
      ],
    },
    'Dataset#take': { call: bound(dataset, 'take'), args: [integer(1)] },
    'DualEncoder.train': {
      call: DualEncoder.train as never,
      args: [options({ data: at('none'), out: at('e') }), further()],
    },
    'DualEncoder.load': { call: DualEncoder.load as never, args: [path(at('none'))] },
    'DualEncoder#embedTexts': { call: DualEncoder.prototype.embedTexts as never, args: [list(['a'])] },
    'DualEncoder#embedImages': { call: DualEncoder.prototype.embedImages as never, args: [list(['a.png'])] },
    'DualEncoder#dispose': { call: () => {}, args: [] },
    'ReVision.open': { call: ReVision.open as never, args: [input(config), overrides()] },
    'ReVision#run': { call: bound(revision, 'run'), args: [further()] },
    'ReVision#pretrain': { call: bound(revision, 'pretrain'), args: [further()] },
    'ReVision#finetune': { call: bound(revision, 'finetune'), args: [further()] },
    'ReVision#evaluate': { call: bound(revision, 'evaluate'), args: [further()] },
    'ReVision#generate': { call: bound(revision, 'generate'), args: [options({ prompt: 'what' }), further()] },
    'ReVision#export': { call: bound(revision, 'export'), args: [path(at('x')), further()] },
    'ReVision#model': { call: bound(revision, 'model'), args: [] },
    'ReVision#close': { call: bound(revision, 'close'), args: [] },
    Tracker: { call: ((of: never) => new Tracker(of)) as never, args: [options({ freezeAt: 0 })] },
    'Tracker.load': { call: Tracker.load as never, args: [path(at('none')), further()] },
    'Tracker.fromBytes': { call: Tracker.fromBytes as never, args: [bytes(tracker.toBytes()), further()] },
    'Tracker#push': { call: bound(tracker, 'push'), args: [options({ step: 0, ...both }), further()] },
    'Tracker#toBytes': { call: bound(tracker, 'toBytes'), args: [] },
    'Tracker#save': { call: bound(tracker, 'save'), args: [path(at('t.safetensors'))] },
    'Tracker#saveFrame': { call: bound(tracker, 'saveFrame'), args: [path(at('f.safetensors'))] },
    'VisionModel.open': { call: VisionModel.open as never, args: [options({ path: at('none'), dim: DIM })] },
    'VisionModel#sizes': { call: bound(model, 'sizes'), args: [list(samples)] },
    'VisionModel#step': { call: bound(model, 'step'), args: [options(batch), further()] },
    'VisionModel#evaluate': { call: bound(model, 'evaluate'), args: [options(batch), further()] },
    'VisionModel#answer': {
      call: bound(model, 'answer'),
      args: [options(batch), further({ maxNewTokens: 1 }), further()],
    },
    'VisionModel#project': {
      call: bound(model, 'project'),
      args: [{ right: someRows(1, DIM, 1), wrong: [...but(), {}, [], 'x', new Float64Array(DIM)] }],
    },
    'VisionModel#export': { call: bound(model, 'export'), args: [path(at('m')), name('learned')] },
    'VisionModel#saveState': { call: bound(model, 'saveState'), args: [path(at('s'))] },
    'VisionModel#restoreState': { call: bound(model, 'restoreState'), args: [path(at('none'))] },
    'VisionModel#dispose': { call: () => {}, args: [] },
    PortableAligner: { call: ((of: never) => new PortableAligner(of)) as never, args: [bytes(aligner.toBytes())] },
    'PortableAligner#transform': {
      call: bound(new PortableAligner(aligner.toBytes()), 'transform'),
      args: [rows(someRows(2, DIM, 3))],
    },
    analyzeCaptions: {
      call: api.analyzeCaptions as never,
      args: [options({ image: target, corpora: [{ name: 'a', text: source }] }), further()],
    },
    analyzeDomains: {
      call: api.analyzeDomains as never,
      args: [
        options({
          domains: [
            { name: 'a', ...both },
            { name: 'b', ...both },
          ],
        }),
        further(),
      ],
    },
    analyzeModalities: {
      call: api.analyzeModalities as never,
      args: [options({ modalities: { a: target, b: source } }), further()],
    },
    analyzeSampleSize: {
      call: api.analyzeSampleSize as never,
      args: [options({ ...sides, sizes: [10], trials: 1 }), further()],
    },
    answerTokens: { call: api.answerTokens as never, args: [text()] },
    bleu4: { call: api.bleu4 as never, args: [list(judged), further()] },
    captionTokens: { call: api.captionTokens as never, args: [text()] },
    checkConfig: { call: api.checkConfig as never, args: [{ right: config, wrong: [...but(), 'x', []] }, overrides()] },
    choiceAccuracy: { call: api.choiceAccuracy as never, args: [list([{ text: 'A', options: ['a'], answer: 'A' }])] },
    chosenLetter: { call: api.chosenLetter as never, args: [text('A'), list(['a', 'b'])] },
    ciderD: { call: api.ciderD as never, args: [list(judged), further()] },
    compareArms: {
      call: api.compareArms as never,
      args: [{ right: at('none.yaml'), wrong: [...but(), '', [], new Map()] }, further(), overrides()],
    },
    compareStrategies: {
      call: api.compareStrategies as never,
      args: [options({ ...both, methods: ['none'], parts: [] }), further()],
    },
    collect: { call: api.collect as never, args: [path(at('none.json')), further()] },
    convert: { call: api.convert as never, args: [opened(source), path(at('c')), further()] },
    dataCost: {
      call: api.dataCost as never,
      args: [options({ input: 1, output: 1 }), { ...options({ input: 1, output: 1 }), optional: true }],
    },
    differenceOf: {
      call: api.differenceOf as never,
      args: [
        list([
          [1, 2],
          [2, 3],
        ]),
        { right: true, wrong: [...but('boolean'), 'x'] },
      ],
    },
    embedPairs: {
      call: api.embedPairs as never,
      args: [options({ encoder: at('none'), data: at('none'), out: at('p') }), further()],
    },
    findings: { call: api.findings as never, args: [list([])] },
    inspect: { call: api.inspect as never, args: [opened(source), further()] },
    lettersOf: { call: api.lettersOf as never, args: [list(['a'])] },
    loadConfig: { call: api.loadConfig as never, args: [path(at('none.yaml')), overrides()] },
    measureGap: { call: api.measureGap as never, args: [options({ ...both, parts: [] }), further()] },
    openDataset: {
      call: (async (of: never, run: never) => (await api.openDataset(of, run)).close()) as never,
      args: [options(described), further()],
    },
    openEmbeddings: {
      call: api.openEmbeddings as never,
      args: [
        { right: someRows(2, DIM, 1), wrong: [...but(), {}, '', [], [null], ['a', 1], new Int8Array(4)] },
        further({ dim: DIM }),
      ],
    },
    openModelRows: { call: api.openModelRows as never, args: [opened(source), options({ cache: folder }), further()] },
    projectionParquet: {
      call: api.projectionParquet as never,
      args: [{ right: {}, wrong: [...but(), 'x', []] }, path(at('p.parquet'))],
    },
    readBenchmark: { call: api.readBenchmark as never, args: [path(at('none.jsonl')), further()] },
    readCaptions: { call: api.readCaptions as never, args: [path(at('none.txt'))] },
    readTrackLog: { call: api.readTrackLog as never, args: [path(at('none.jsonl'))] },
    readTrainLog: { call: api.readTrainLog as never, args: [path(at('none.jsonl'))] },
    rougeL: { call: api.rougeL as never, args: [list(judged), further()] },
    rougeTokens: { call: api.rougeTokens as never, args: [text()] },
    runTask: {
      call: api.runTask as never,
      args: [{ right: { task: 'moments' }, wrong: [...but(), 'x', []] }, further()],
    },
    spark: { call: api.spark as never, args: [options({ master: 'local[1]' })] },
    sparkCluster: { call: api.sparkCluster as never, args: [further({ python: at('no-python') }), further()] },
    splitTokens: { call: api.splitTokens as never, args: [text()] },
    spreadOf: { call: api.spreadOf as never, args: [list([1, 2])] },
    taskList: { call: api.taskList as never, args: [path(at('tasks.jsonl'))] },
    tokenF1: { call: api.tokenF1 as never, args: [list(judged)] },
    trackReportData: { call: api.trackReportData as never, args: [list(steps)] },
    writeCharts: { call: api.writeCharts as never, args: [result(measured), path(at('charts')), further()] },
    writeReport: { call: api.writeReport as never, args: [result(measured), path(at('r.html')), further()] },
    yesNoScore: { call: api.yesNoScore as never, args: [list([{ text: 'no', answer: 'no' }]), name('strict')] },
    yesOrNo: { call: api.yesOrNo as never, args: [text('no'), name('strict')] },
  }
}

/** What a call with these arguments ends with: an error, or nothing. */
async function outcomeOf(call: Callable['call'], args: readonly unknown[]): Promise<unknown> {
  try {
    await call(...(args as never[]))
    return undefined
  } catch (error) {
    return error
  }
}

const CODES = ['BAD_OPTION', 'BAD_SHAPE', 'UNSUPPORTED', 'EMPTY']

/** A call is refused with a code and a word of this package. */
function refused(t: ExecutionContext, error: unknown, what: string): void {
  t.true(error instanceof ModalityGapError, `${what}: ${error instanceof Error ? error.stack : String(error)}`)
  t.true(CODES.includes((error as api.ModalityGapError).code), `${what}: ${(error as api.ModalityGapError).code}`)
}

/** Functions of the module and its classes; those of the error and of `Symbol.dispose` are not called with data. */
function exported(): string[] {
  const names: string[] = []
  for (const [name, value] of [...Object.entries(api), ['PortableAligner', PortableAligner] as const]) {
    if (typeof value !== 'function' || value === ModalityGapError) {
      continue
    }
    const methods = Object.getOwnPropertyNames(value.prototype ?? {}).filter(
      key =>
        key !== 'constructor' && typeof Object.getOwnPropertyDescriptor(value.prototype, key)?.value === 'function',
    )
    const statics = Object.getOwnPropertyNames(value).filter(
      key => typeof (value as never)[key] === 'function' && key !== 'prototype',
    )
    const isClass = /^class\b/.test(Function.prototype.toString.call(value))
    const constructs = value === Tracker || value === PortableAligner
    names.push(...(isClass && !constructs ? [] : [name]))
    names.push(...statics.map(key => `${name}.${key}`), ...methods.map(key => `${name}#${key}`))
  }
  return names.sort()
}

test('the table below names every exported function and method', async t => {
  t.deepEqual(Object.keys(await table(t)).sort(), exported())
  t.true(Embeddings.prototype instanceof Object)
})

test('a value of a wrong kind is refused by a code, whatever the function and the argument', async t => {
  for (const [name, { call, args }] of Object.entries(await table(t))) {
    for (const [i, argument] of args.entries()) {
      for (const value of argument.wrong) {
        const given = args.map((other, j) => (i === j ? value : other.right))
        const what = `${name}, argument ${i + 1}: ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`
        refused(t, await outcomeOf(call, given), what)
      }
    }
  }
})

/** Values that an option may be given by mistake, each made anew; `path` is a text that may be written to. */
const mistakes = (path: string): Record<string, () => unknown> => ({
  null: () => null,
  'an empty object': () => ({}),
  'an object': () => ({ a: 1 }),
  'an empty list': () => [],
  'a list': () => [1, 'x', null],
  'lists in a list': () => [[]],
  'an empty text': () => '',
  'a text': () => path,
  'a bigint': () => 7n,
  'a negative number': () => -1,
  'a fraction': () => 1.5,
  'a number beyond exact integers': () => 2 ** 60,
  infinity: () => Number.POSITIVE_INFINITY,
  false: () => false,
  'a function': () => () => {},
  'a date': () => new Date(0),
  'a promise': () => Promise.resolve(1),
  'an array that is gone': () => {
    const array = new Float32Array(2 * DIM)
    structuredClone(array.buffer, { transfer: [array.buffer] })
    return array
  },
  'shared memory': () => new Float32Array(new SharedArrayBuffer(8 * DIM)),
  'an array of another kind': () => new BigInt64Array(DIM),
})

test('whatever an option is given, the call ends well or with an error that has a code', async t => {
  const bare: string[] = []
  const path = join(folderOf(t), 'x')
  for (const [name, { call, args }] of Object.entries(await table(t))) {
    for (const [i, argument] of args.entries()) {
      if (!argument.options) {
        continue
      }
      const asked = (changes: object) => {
        const given = args.map((other, j) => (i === j ? { ...(other.right as object), ...changes } : other.right))
        return outcomeOf(call, given)
      }
      const unknown = (await asked({ zzzzzz: 1 })) as api.ModalityGapError
      for (const key of /expected (.*)$/.exec(unknown.message)?.[1]?.split(', ') ?? []) {
        for (const [what, value] of Object.entries(mistakes(path))) {
          const error = await asked({ [key]: value() })
          const coded = error === undefined || (error instanceof ModalityGapError && error.code !== 'PANIC')
          if (!coded) {
            bare.push(`${name}, ${key}, ${what}: ${error instanceof Error ? error.stack : String(error)}`)
          }
        }
      }
    }
  }
  t.deepEqual(bare, [])
})

test('an unknown option is refused with the list of its own function, and with the one that was meant', async t => {
  for (const [name, { call, args }] of Object.entries(await table(t))) {
    for (const [i, argument] of args.entries()) {
      if (!argument.options) {
        continue
      }
      const asked = async (key: string, value: unknown) => {
        const given = args.map((other, j) => (i === j ? { ...(other.right as object), [key]: value } : other.right))
        return (await outcomeOf(call, given)) as api.ModalityGapError
      }
      const unknown = await asked('zzzzzz', 1)
      refused(t, unknown, name)
      const known = /expected (.*)$/.exec(unknown.message)?.[1]?.split(', ') ?? []
      t.true(
        Object.keys(argument.right as object).every(key => known.includes(key)),
        `${name}: ${unknown.message}`,
      )
      for (const key of known) {
        const misspelt = await asked(`${key}${key.at(-1)}`, 1)
        refused(t, misspelt, `${name} ${key}`)
        t.true(misspelt.message.includes(`did you mean \`${key}\``), `${name} ${key}: ${misspelt.message}`)
        const number = await asked(key, Number.NaN)
        refused(t, number, `${name}, ${key}: NaN`)
        t.true(number.message.startsWith(key), `${name}, ${key}: ${number.message}`)
        refused(t, await asked(key, Symbol('x')), `${name}, ${key}: a symbol`)
      }
    }
  }
})

test('without arguments, and with needed options left out, a call is refused by a code', async t => {
  for (const [name, { call, args }] of Object.entries(await table(t))) {
    const needed = args.filter(({ optional }) => !optional)
    if (needed.length > 0) {
      refused(t, await outcomeOf(call, []), `${name}()`)
      refused(t, await outcomeOf(call, [null]), `${name}(null)`)
    }
    for (const [i, argument] of args.entries()) {
      for (const key of argument.options && !argument.optional ? Object.keys(argument.right as object) : []) {
        const given = args.map((other, j) => {
          const { [key]: _, ...rest } = other.right as Record<string, unknown>
          return i === j ? rest : other.right
        })
        const error = await outcomeOf(call, given)
        // what may be left out has a default, and the call goes as far as its data
        t.true(
          error === undefined || (error instanceof ModalityGapError && error.code !== 'PANIC'),
          `${name} without ${key}: ${String(error)}`,
        )
      }
    }
  }
})

/** Copies of a value with one of its plain objects changed, each with the path to that object. */
function* changedWithin(value: unknown, change: (object: object) => object, path = ''): Generator<[string, unknown]> {
  if (Array.isArray(value)) {
    for (const [i, each] of value.entries()) {
      for (const [at, changed] of changedWithin(each, change, `${path}[${i}]`)) {
        yield [at, value.with(i, changed)]
      }
    }
  } else if (value !== null && typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype) {
    yield [path, change(value)]
    for (const [key, each] of Object.entries(value)) {
      for (const [at, changed] of changedWithin(each, change, path === '' ? key : `${path}.${key}`)) {
        yield [at, { ...value, [key]: changed }]
      }
    }
  }
}

/** Objects whose keys are the caller's own. */
const FREE = /^modalities$/
/** Handles that functions give, in which nobody writes. */
const HANDLES = /^rows$/

test('an unknown key of an object within the options is refused as well', async t => {
  for (const [name, { call, args }] of Object.entries(await table(t))) {
    for (const [i, argument] of args.entries()) {
      if (!argument.options) {
        continue
      }
      for (const [path, changed] of changedWithin(argument.right, object => ({ ...object, zzzzzz: 1 }))) {
        if (HANDLES.test(path)) {
          continue
        }
        const given = args.map((other, j) => (i === j ? changed : other.right))
        const error = await outcomeOf(call, given)
        refused(t, error, `${name}, ${path}: zzzzzz`)
        t.true(FREE.test(path) || (error as Error).message.includes('zzzzzz'), `${name}, ${path}: ${String(error)}`)
      }
    }
  }
})

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { stringify } from 'yaml'
import { openEmbeddings } from '../src/embeddings.ts'
import { ReVision } from '../src/revision/run.ts'
import { modalityGap } from './helpers/cli.ts'
import { linesOf, material, tinyConfig } from './helpers/revision.ts'

function yaml(folder: string, changes: Record<string, unknown> = {}): string {
  const path = join(folder, 'config.yaml')
  writeFileSync(path, stringify({ ...tinyConfig(folder), ...changes }))
  return path
}

const revision = (...args: string[]) => modalityGap(['revision', ...args])

test('run shows its losses on the way and ends with a summary', async t => {
  const folder = material(t)
  const config = yaml(folder, { deepspeed: 'zero2.json' })
  const { code, stdout, stderr } = await revision('run', config)
  t.is(code, 0, stderr)
  t.regex(stdout, /updates +epochs +loss +held-out loss/)
  t.regex(stdout, /stage 1 +8 +1\.33 +\d/)
  t.regex(stdout, /stage 2 +6 +1\.50 +\d/)
  t.regex(stdout, /held-out records +records +loss .*worth of the image +F1/)
  t.regex(stdout, /held\.jsonl +8 +\d/)
  t.regex(stdout, /raw +0\.9\d+ +0\.\d+\n +aligned +\d.*\n +after the projector/)
  t.true(stdout.endsWith(`written:\n  ${join(folder, 'out', 'result.json')}\n`))
  t.is(stderr.split('without effect here: deepspeed').length, 2, 'reported once')
  t.regex(stderr, /stage 1: 1\/8, loss \d\.\d+, \d+ s left\n/)
  t.regex(stderr, /stage 2: 6\/6, loss \d\.\d+\n/)
  const again = await revision('run', config, '--resume', '--json')
  t.is(again.code, 0, again.stderr)
  t.deepEqual(JSON.parse(again.stdout), JSON.parse(readFileSync(join(folder, 'out', 'result.json'), 'utf8')))
})

test('stages, evaluation, questions and exports are commands of their own', async t => {
  const folder = material(t)
  const config = yaml(folder)
  const pretrained = await revision('pretrain', config, '--set', 'stage1.valSize=4', '--json')
  t.like(JSON.parse(pretrained.stdout), { steps: 8, evaluation: { eval_samples: 4 } })
  const tuned = await revision('finetune', config)
  t.regex(tuned.stdout, /stage 2 +6/)
  const out = join(folder, 'out')
  const evaluated = await revision('evaluate', out, '--set', 'evaluation.answers=0', '--json')
  t.is(evaluated.code, 0, evaluated.stderr)
  t.false('open' in JSON.parse(evaluated.stdout).evaluation.records[0])
  const rows = ['--rows', join(folder, 'image.npy')]
  const many = await revision('generate', out, '--prompt', 'what', ...rows, '--pick', '3,0', '--max-new-tokens', '3')
  t.regex(many.stdout, /^row 3: .*\nrow 0: .*\n$/s)
  const listed = await revision('generate', out, '--prompt', 'what', ...rows, '--pick', '3,0', '--json')
  t.deepEqual(
    JSON.parse(listed.stdout).map(({ name }: { name: string }) => name),
    ['row 3', 'row 0'],
  )
  const sampling = ['--max-new-tokens', '9', '--temperature', '1', '--seed', '4']
  const streamed = await revision('generate', out, '--prompt', 'what', ...rows, '--pick', '1', ...sampling)
  const json = await revision('generate', out, '--prompt', 'what', ...rows, '--pick', '1', ...sampling, '--json')
  t.is(streamed.stdout, `${JSON.parse(json.stdout)[0].text}\n`, 'what was streamed is the answer')
  // each flag alone changes what a call with the same option changes
  const trained = await ReVision.open(out)
  const drawn = { maxNewTokens: 9, temperature: 1, seed: 4 }
  for (const [flags, options] of [
    [['--seed', '5'], { seed: 5 }],
    [['--seed', '6'], { seed: 6 }],
    [['--temperature', '9'], { temperature: 9 }],
    [['--top-p', '0.05'], { topP: 0.05 }],
    [['--max-new-tokens', '2'], { maxNewTokens: 2 }],
  ] as const) {
    const said = await revision(
      'generate',
      out,
      '--prompt',
      'what',
      ...rows,
      '--pick',
      '1',
      ...sampling,
      ...flags,
      '--json',
    )
    const question = { prompt: 'what', rows: await openEmbeddings(join(folder, 'image.npy')), pick: [1] }
    const [answer] = await trained.generate(question, { ...drawn, ...options })
    t.is(JSON.parse(said.stdout)[0].text, answer?.text, flags.join(' '))
  }
  const to = join(folder, 'export')
  const exported = await revision('export', out, '--out', to, '--kind', 'learned', '--rows', '--json')
  t.is(exported.code, 0, exported.stderr)
  const { files } = JSON.parse(exported.stdout)
  t.deepEqual(files.slice(0, 2), [join(to, 'mm_projector.safetensors'), join(to, 'adapter')])
  t.is(files.length, 6)
  t.true(files.every((file: string) => existsSync(file)))
})

test('compare prints a table for each number, where arms gain, and what they cost', async t => {
  const folder = material(t)
  const compare = {
    arms: ['realign', 'none', 'blind'],
    seeds: [0, 1],
    tokens: { realign: { input: 11.64, output: 16.15 } },
  }
  const config = yaml(folder, { compare })
  const quick = ['--set', 'stage1.steps=2', '--set', 'stage2.steps=2', '--set', 'evaluation.answers=0']
  const { code, stdout, stderr } = await revision('compare', config, ...quick)
  t.is(code, 0, stderr)
  t.regex(stdout, /^3 arms, 2 seeds; compared with realign/)
  t.regex(stdout, /held\.jsonl loss \(less is better\) +mean ± sd +minus realign +interval +cost\n/)
  t.regex(stdout, /realign +\d\.\d+ ± \d\S+ +reference +176\.05 \$\n/)
  t.regex(stdout, /none +\d\.\d+ ± \d\S+ +[+-]?\d\S+ +[+-]?\S+ to [+-]?\S+ +(better|worse|within the noise) +–\n/)
  t.regex(stdout, /projected gap +mean/)
  t.regex(stdout, /where arms gain +about +better +worse +within the noise\n/)
  t.regex(stdout, /budget +training, mean +data\n/)
  t.regex(stderr, /^1\/6 realign, seed 0\n/)
  const again = await revision('compare', config, ...quick, '--json')
  t.is(again.stderr.match(/its result is there already/g)?.length, 6)
  t.like(JSON.parse(again.stdout), { reference: 'realign', seeds: [0, 1] })
})

test('Ctrl-C leaves a checkpoint and says how to continue', async t => {
  const folder = material(t)
  const config = yaml(folder)
  // so many updates that no machine has made them before the signal comes
  const args = ['revision', 'pretrain', config, '--set', 'stage1.steps=100000']
  const { code, stdout, stderr } = await modalityGap(args, {
    started: child => child.stderr?.on('data', text => /stage 1: 2\//.test(text) && child.kill('SIGINT')),
  })
  t.is(code, 130)
  t.is(stdout, '')
  t.regex(
    stderr,
    /modality-gap: interrupted; the updates made so far, if any, are kept in a checkpoint, continue with: modality-gap/,
  )
  t.true(stderr.endsWith(`${['modality-gap', ...args].join(' ')} --resume\n`))
  const stage = join(folder, 'out', 'stage1')
  const checkpoints = readdirSync(stage).filter(name => name.startsWith('checkpoint-'))
  const [step] = checkpoints.map(name => Number(name.slice('checkpoint-'.length))) as [number]
  t.is(checkpoints.length, 1)
  const steps = String(step + 3)
  const other = await revision('pretrain', config, '--set', `stage1.steps=${steps}`, '--resume')
  t.is(other.code, 2, 'another number of updates is another training')
  t.regex(other.stderr, /trained with another steps/)
})

test('--resume continues from the checkpoint of an interrupted run', async t => {
  const folder = material(t)
  const config = yaml(folder)
  const steps = ['--set', 'stage1.steps=300', '--set', 'stage1.schedule=constant']
  const { code, signal } = await modalityGap(['revision', 'pretrain', config, ...steps], {
    started: child => child.stderr?.on('data', text => /stage 1: 2\//.test(text) && child.kill('SIGINT')),
  })
  // a fast machine may be through, or on its way out, before the signal arrives
  t.true(code === 130 || code === 0 || signal === 'SIGINT', `${code} ${signal}`)
  const resumed = await revision('pretrain', config, ...steps, '--resume', '--json')
  t.is(resumed.code, 0, resumed.stderr)
  t.is(JSON.parse(resumed.stdout).steps, 300)
  const log = linesOf(join(folder, 'out', 'stage1', 'log.jsonl')).filter(({ loss }) => loss !== undefined)
  t.deepEqual(
    log.map(({ step }) => step),
    Array.from({ length: 300 }, (_, i) => i + 1),
  )
})

test('errors say what, where and what to do; a wrong configuration is wrong usage', async t => {
  const folder = material(t)
  const config = yaml(folder, { stage2: { data: 'x.json', lerningRate: 1 } })
  const line =
    readFileSync(config, 'utf8')
      .split('\n')
      .findIndex(text => text.includes('lerningRate')) + 1
  const wrong = await revision('run', config)
  t.is(wrong.code, 2)
  const what = `line ${line}: stage2 has no key lerningRate; did you mean learningRate? (${config})`
  t.is(wrong.stderr, `modality-gap: ${what}\n`)
  const set = await revision('run', config, '--set', 'stage2=false', '--set', 'stage1.epochs=none')
  t.is(set.code, 2)
  t.regex(set.stderr, /stage1\.epochs has to be a number above 0/)
  const usage: [args: string[], message: RegExp][] = [
    [['run'], /missing required argument 'config'/],
    [['run', config, '--set', 'stage2'], /a key, an equals sign and a value/],
    [['run', config, '--set', '.a=1'], /empty part/],
    [['run', config, '--set', 'a=[1'], /not YAML/],
    [['generate', config, '--pick', '1,x'], /whole number/],
    [['generate', config, '--top-p', '0'], /above 0, up to 1/],
    [['export', config], /required option '--out <dir>'/],
    [['export', config, '--out', 'x', '--kind', 'onnx'], /Allowed choices are learned, all, merged, llava/],
    [['train', config], /unknown command 'train'/],
  ]
  for (const [args, message] of usage) {
    const { code, stderr } = await revision(...args)
    t.is(code, 2, stderr)
    t.regex(stderr, message)
  }
  const missing = await revision('evaluate', yaml(folder))
  t.is(missing.code, 1)
  t.regex(missing.stderr, /holds no finished stage/)
  const nowhere = await revision('run', join(folder, 'none.yaml'))
  t.is(nowhere.code, 1)
  t.regex(nowhere.stderr, /none\.yaml/)
})

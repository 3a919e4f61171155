import * as v from 'valibot'
import { METHOD_NAMES } from '../../methods.ts'
import type { FitOptions, Method } from '../../options.ts'
import { YES_NO_RULES } from '../../text-metrics/yes-no.ts'
import type { EmbeddingIds } from '../data/embedding-rows.ts'
import { IMAGE_PLACEMENTS } from '../turns.ts'
import {
  anyText,
  atLeastZero,
  cadence,
  described,
  every,
  flag,
  flagOrPath,
  oneOf,
  part,
  paths,
  positive,
  section,
  share,
  someShare,
  text,
  texts,
  whole,
} from './leaves.ts'
import { RECIPE_NAMES } from './recipes.ts'

/** Templates of a conversation; `model` is the model's own. */
export const TEMPLATES = ['plain', 'llama', 'llama-2', 'chatml', 'bunny', 'vicuna', 'model'] as const

/** Name of a template. */
export type TemplateName = (typeof TEMPLATES)[number]

/** Schedules of the learning rate, by Hugging Face's names. */
export const SCHEDULES = [
  'cosine',
  'linear',
  'constant',
  'constant_with_warmup',
  'inverse_sqrt',
  'polynomial',
  'cosine_with_restarts',
  'cosine_with_min_lr',
] as const

/** Metrics of open answers. */
export const METRICS = ['f1', 'bleu4', 'rougeL', 'cider'] as const

const METHODS = Object.keys(METHOD_NAMES) as Method[]

/** Section `model`. */
export const model = section({
  path: text('Folder in the layout of Hugging Face, or a GGUF file.', 'a path'),
  dtype: v.optional(oneOf(['bf16', 'f32'], 'Storage type of frozen weights and of matrix products.')),
})

const projectorType = 'linear, identity or mlpNx_gelu with a number from 1 to 16 for N'

const factor = v.pipe(v.number('a number above 0, or sqrt'), v.finite(), v.gtValue(0, 'a number above 0, or sqrt'))

/** Section `projector`. */
export const projector = section({
  type: v.optional(
    described(
      v.pipe(v.string(projectorType), v.regex(/^(?:linear|identity|mlp(?:[1-9]|1[0-6])x_gelu)$/, projectorType)),
      '`linear`, `mlpNx_gelu` with N up to 16, `identity`',
      'Layers between embedding and model.',
    ),
  ),
  numVisualTokens: v.optional(whole(1, 'Soft tokens that one embedding becomes.')),
  distinctTokens: v.optional(flag('Whether the last layer makes them distinct, or one token is repeated.')),
  inputScale: v.optional(
    described(
      v.lazy(input => (typeof input === 'string' ? v.literal('sqrt', 'a number above 0, or `sqrt`') : factor)),
      'a number above 0, or `sqrt`',
      'Factor of an embedding on its way in; `sqrt` is the root of its width.',
      "number | 'sqrt'",
    ),
  ),
  init: v.optional(text('A projector to begin with: LLaVA, Bunny, Hugging Face or mmproj.', 'a path')),
})

const idEntries = {
  from: v.optional(text('`metadata`, `order`, `row`, or a file of ids.')),
  column: v.optional(text('Column or key of the ids.')),
  match: v.optional(oneOf(['exact', 'stem'], 'Whether a whole id counts, or the name of a file without its ending.')),
} satisfies { [K in keyof Required<EmbeddingIds>]: v.GenericSchema }

const ids = described(section(idEntries), 'a section', 'How a row is found by an id.', 'EmbeddingIds')

const alignerEntries = {
  method: v.optional(oneOf(METHODS, 'How text rows are moved onto the images.')),
  steps: v.optional(
    described(
      v.array(v.picklist(['anchor', 'trace', 'centroid'], 'one of anchor, trace, centroid')),
      'a list of `anchor`, `trace`, `centroid`',
      'Steps of `realign`.',
    ),
  ),
  centroid: v.optional(oneOf(['iterate', 'solve'], 'How the centroid step finds its offset.')),
  centroidIterations: v.optional(whole(1, 'How often the centroid step is applied.')),
  tolerance: v.optional(atLeastZero('Length of an offset at which it stops.')),
  compat: v.optional(oneOf(['official'], 'Rounds the means as the published code does.')),
  renormalize: v.optional(flag('Whether results have unit length.')),
  noise: v.optional(atLeastZero('Standard deviation of the noise of `c3`.')),
  noiseSeed: v.optional(whole(0, 'Seed of that noise.')),
  ridge: v.optional(atLeastZero('Added to the diagonal of covariances in `bca` and `bures`.')),
  centered: v.optional(flag('Whether `bca` matches covariances; whether `c3` centres both sides.')),
  energy: v.optional(share('Share of the energy of the frame of `bca` and `aniso-init`.')),
  rank: v.optional(whole(1, 'Dimension of that frame.')),
  frame: v.optional(text('File of that frame.', 'a path')),
  paired: v.optional(flag('Whether row i of one side belongs to row i of the other.')),
  holdout: v.optional(share('Share of the rows kept out of the fit.')),
  seed: v.optional(whole(0, 'Seed of every sampled choice of the fit.')),
  subset: v.optional(share('Share of the rows that the fit sees.')),
  subsetSeed: v.optional(whole(0, 'Seed of that choice.')),
  targetName: v.optional(text('Name of the image side.')),
  sourceName: v.optional(text('Name of the text side.')),
  encoder: v.optional(text('Label of the encoder.')),
} satisfies { [K in keyof Required<FitOptions>]: v.GenericSchema }

const fit = section(alignerEntries)
const aligner = v.lazy(input => (typeof input === 'string' ? v.pipe(v.string(), v.minLength(1, 'a path')) : fit))

/** Section `embeddings`. */
export const embeddings = section({
  image: v.optional(paths('Rows of real images, in any format that `align` reads.')),
  imageIds: v.optional(ids),
  text: v.optional(paths('Rows of texts that stand in for images in stage 1.')),
  textIds: v.optional(ids),
  aligner: v.optional(
    described(
      aligner,
      'a path, or options of a fit',
      'What moves text rows onto the images as they are read; absent for rows as they are.',
      'string | FitOptions',
    ),
  ),
  onBadRow: v.optional(
    oneOf(
      ['error', 'drop'],
      'What happens to rows that are not finite or have no length; dropped ones count as missing.',
    ),
  ),
  encoder: v.optional(text('Encoder of image files that the model is asked about, see `DualEncoder.load`.', 'a path')),
})

const scheduleShape = section({
  cycles: v.optional(whole(1, 'Cycles of `cosine_with_restarts`.')),
  power: v.optional(positive('Power of `polynomial`.')),
  end: v.optional(
    atLeastZero('Rate at the end: of `polynomial` as it is, of `cosine_with_min_lr` as a share of the highest.'),
  ),
})

const optimizer = section({
  beta1: v.optional(part('β₁.')),
  beta2: v.optional(part('β₂.')),
  eps: v.optional(positive('ε.')),
})

/** Maps of a block. */
const TARGETS = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'] as const

const targetNames = `a list of ${TARGETS.join(', ')}`

const lora = section({
  rank: v.optional(whole(1, 'Rank of the added matrices.')),
  alpha: v.optional(positive('Factor of what they add, divided by the rank.')),
  dropout: v.optional(part('Share of their input that is dropped.')),
  targets: v.optional(
    described(
      v.pipe(v.array(v.picklist(TARGETS, targetNames)), v.minLength(1, targetNames)),
      `a list of ${TARGETS.map(name => `\`${name}\``).join(', ')}`,
      'Maps of a block that they are added to.',
      'string[]',
    ),
  ),
})

/** What the two stages do not share. */
interface StageDefaults {
  rows: 'text' | 'image'
  key: 'id' | 'image'
  learningRate: number
}

/** Positions of a sequence at most, where nothing else is said. */
export const DEFAULT_LENGTH = 2048

/** Options of a training, in either stage. */
function training({ rows, key, learningRate }: StageDefaults) {
  return {
    data: paths('Records to train on, JSON or JSON lines.'),
    rows: v.optional(oneOf(['text', 'image'], 'Whose rows are the visual tokens.'), rows),
    key: v.optional(oneOf(['image', 'id'], "Whether a row is found by the image's id or by the record's."), key),
    missing: v.optional(
      oneOf(['error', 'skip', 'report'], 'What happens to a record whose image has no row.'),
      'error',
    ),
    valSize: v.optional(atLeastZero('Held out: a share below 1, or a number of records.'), 0),
    maxSamples: v.optional(whole(1, 'Records at most; fewer of one seed are among more of it.')),
    template: v.optional(oneOf(TEMPLATES, 'Template of this stage.', 'TemplateName')),
    prompt: v.optional(text('Text around `<image>` for records without a question.')),
    maxLength: v.optional(whole(1, 'Tokens of a sample at most, visual ones included.'), DEFAULT_LENGTH),
    epochs: v.optional(positive('Passes over the data.'), 1),
    steps: v.optional(whole(1, 'Updates in all; takes the place of `epochs`.')),
    batchSize: v.optional(whole(1, 'Samples of an update.'), 256),
    microBatch: v.optional(
      whole(1, 'Samples that are held at a time; it changes memory, and results by rounding only.'),
    ),
    learningRate: v.optional(positive('Highest learning rate.'), learningRate),
    schedule: v.optional(oneOf(SCHEDULES, 'How the rate changes after its rise.', 'ScheduleKind'), 'cosine'),
    scheduleShape: v.optional(described(scheduleShape, 'a section', 'What is special to some schedules.')),
    warmupRatio: v.optional(share('Share of the updates in which the rate rises from 0.'), 0.03),
    warmupSteps: v.optional(whole(0, 'Updates of that rise; takes the place of `warmupRatio`.')),
    weightDecay: v.optional(atLeastZero('Decay of matrices.'), 0),
    maxGradNorm: v.optional(atLeastZero('Largest norm of all gradients together; 0 for no bound.'), 1),
    optimizer: v.optional(described(optimizer, 'a section', 'Constants of AdamW.')),
    evalEvery: v.optional(
      cadence(
        'Updates between two evaluations of held-out records; 0 for one at the end. Without `valSize` they are those of `evaluation.data`, where this is above 0 or `earlyStop` is given.',
      ),
      0,
    ),
    saveEvery: v.optional(cadence('Updates between two checkpoints; 0 for one at the end.'), 0),
    saveTotalLimit: v.optional(whole(1, 'Checkpoints to keep; the best is kept beside the newest.')),
  }
}

/** Section `stage1`: the projector learns from text rows, the model is frozen. */
export const stage1 = section({
  ...training({ rows: 'text', key: 'id', learningRate: 5e-4 }),
  template: v.optional(oneOf(TEMPLATES, 'Template of this stage.', 'TemplateName'), 'plain'),
  endToken: v.optional(flag('Whether a caption ends with the end token; published code leaves it out.'), true),
})

/** Section `stage2`: visual instructions on real images. */
export const stage2 = section({
  ...training({ rows: 'image', key: 'image', learningRate: 1e-5 }),
  mode: v.optional(oneOf(['full', 'lora', 'projector'], 'What learns beside the projector.'), 'full'),
  projectorLearningRate: v.optional(positive('Learning rate of the projector, where it is another.')),
  lora: v.optional(described(lora, 'a section', 'Low-rank matrices that learn in place of the model.')),
})

const benchmark = section({
  path: text('File or folder of the benchmark.', 'a path'),
  name: v.optional(text('Its name.')),
  group: v.optional(oneOf(['general', 'reasoning', 'hallucination'], 'What it is about.', 'BenchmarkGroup')),
  answers: v.optional(text('File of right answers.', 'a path')),
  image: v.optional(paths('Rows of its images, where they are others than those of training.')),
  imageIds: v.optional(ids),
  yesNo: v.optional(
    oneOf(YES_NO_RULES, 'How yes and no are read, where it is another way than `evaluation.yesNo`.', 'YesNoRule'),
  ),
  circular: v.optional(
    flag('Whether a question of choice is asked as often as it has options, in another order each time (MMBench).'),
  ),
})

const generate = section({
  maxNewTokens: v.optional(whole(1, 'Tokens of an answer at most.')),
  temperature: v.optional(atLeastZero('0 takes the likeliest token.')),
  topP: v.optional(someShare('Share of the probability that is drawn from.')),
  stop: v.optional(texts('Texts that end an answer.')),
})

/** Section `evaluation`. */
export const evaluation = section({
  data: v.optional(paths('Records with answers, scored by loss and by metrics.')),
  image: v.optional(paths('Rows of their images, where they are others than those of training.')),
  imageIds: v.optional(ids),
  rows: v.optional(oneOf(['image', 'text'], 'Whose rows their visual tokens are.'), 'image'),
  key: v.optional(oneOf(['image', 'id'], "Whether a row is found by the image's id or by the record's."), 'image'),
  missing: v.optional(oneOf(['error', 'skip', 'report'], 'What happens to a record whose image has no row.'), 'error'),
  maxSamples: v.optional(whole(1, 'Records of each file at most; of a benchmark, questions.')),
  shuffled: v.optional(flag("Whether the loss with other records' images is computed as well."), true),
  answers: v.optional(whole(0, 'Records of each file that are answered, for the metrics.'), 200),
  benchmarks: v.optional(
    described(
      v.array(
        v.lazy(input => (typeof input === 'string' ? v.string() : benchmark)),
        'a list of benchmarks',
      ),
      'a list of paths or sections',
      'Questions with right answers, see `readBenchmark`.',
      '(string | BenchmarkConfig)[]',
    ),
    [],
  ),
  yesNo: v.optional(
    oneOf(
      YES_NO_RULES,
      'How yes and no are read: ours, or as POPE or MME (the first four characters) are published; `docs/answers.md` compares them.',
      'YesNoRule',
    ),
    'strict',
  ),
  samples: v.optional(
    whole(
      0,
      'Answers to held-out records that every evaluation of a stage writes into `samples.jsonl` beside its log.',
    ),
    4,
  ),
  generate: v.optional(described(generate, 'a section', 'How answers are drawn.')),
  metrics: v.optional(
    described(
      v.array(v.picklist(METRICS, `one of ${METRICS.join(', ')}`)),
      `a list of ${METRICS.map(name => `\`${name}\``).join(', ')}`,
      'Metrics of open answers.',
      'OpenMetric[]',
    ),
    [...METRICS],
  ),
})

/** Section `records`. */
export const records = section({
  onBad: v.optional(
    oneOf(
      ['error', 'drop'],
      'What happens to records that cannot be used: all are reported in one error, the first twenty by name, or they are left out and counted.',
    ),
    'error',
  ),
})

/** Section `logging`. */
export const logging = section({
  jsonl: v.optional(
    flagOrPath(
      "Log as JSON lines, `log.jsonl` in the stage's folder; a path `a/b.jsonl` makes it `a/b.stage1.jsonl`, and the answers `a/b.stage1.samples.jsonl`.",
    ),
    true,
  ),
  tensorboard: v.optional(
    flagOrPath("Event files, in `runs/` of the stage's folder; a path `a` puts them into `a/stage1`."),
    false,
  ),
  every: v.optional(every('Updates between two lines.'), 10),
})

/** Section `earlyStop`. */
export const earlyStop = section({
  patience: whole(1, 'Evaluations without a better value until training stops.'),
  minDelta: v.optional(atLeastZero('What a better value has to be better by.'), 0),
})

/** Keys beside the sections. */
export const rootEntries = {
  recipe: v.optional(
    oneOf(
      RECIPE_NAMES,
      'Values of a recipe where nothing else is said: `published` is what the scripts of arXiv 2602.07026 do (576 repeated tokens, no end token in `plain`, their rates, batches and lengths).',
    ),
  ),
  template: v.optional(oneOf(TEMPLATES, 'Template of stage 2 and of answers.', 'TemplateName'), 'model'),
  templateArguments: v.optional(
    described(
      v.record(v.string(), v.unknown()),
      'a section',
      "What a model's own template is given beside the conversation, such as `enable_thinking: true`.",
      'Record<string, unknown>',
    ),
  ),
  prompt: v.optional(text('Text around `<image>` for records without a question.'), '<image>'),
  imagePlacement: v.optional(
    oneOf(
      IMAGE_PLACEMENTS,
      'Where the place of an image is put in its turn: where the record has it, or in front with a line break, as LLaVA and Bunny do. With a `version` of theirs it is `front`.',
      'ImagePlacement',
    ),
    'inline',
  ),
  system: v.optional(anyText("System text; absent for the template's own.")),
  blind: v.optional(flag('Whether images are left out, to see what a model says without them.'), false),
  output: text('Folder of checkpoints, logs and results.', 'a path'),
  seed: v.optional(whole(0, 'Seed of everything that happens by chance.'), 0),
  threads: v.optional(whole(1, 'Native threads.')),
  resume: v.optional(flagOrPath('Go on from the newest checkpoint of the output, or from the one named.'), false),
  overwrite: v.optional(flag('Begin anew where the output holds another run, which is removed.'), false),
  bestMetric: v.optional(
    oneOf(
      ['eval_loss', 'eval_perplexity', 'eval_accuracy'],
      'Number of the evaluation that the best checkpoint is chosen by.',
    ),
    'eval_loss',
  ),
  greaterIsBetter: v.optional(flag('Whether more of it is better; of `eval_accuracy` it always is.'), false),
  loadBest: v.optional(flag('Whether a stage ends with its best checkpoint rather than with its last.'), false),
}

const tokens = section({
  input: atLeastZero('Millions of tokens read.'),
  output: atLeastZero('Millions of tokens written.'),
})

const arm = section({
  name: text('Its name, which is that of its folder.'),
  like: v.optional(text('A known arm that it begins with.')),
  with: v.optional(
    described(
      v.record(v.string(), v.unknown()),
      'a part of a configuration',
      'What it changes; `null` takes a key away.',
    ),
  ),
})

/** Section `compare`. */
export const compare = section({
  arms: described(
    v.pipe(v.array(v.lazy(input => (typeof input === 'string' ? v.string() : arm))), v.minLength(1, 'a list of arms')),
    'a list of names or sections',
    'What is compared, see `ARMS`.',
    'ArmInput[]',
  ),
  seeds: described(
    v.pipe(v.array(v.pipe(v.number(), v.safeInteger(), v.minValue(0))), v.minLength(1, 'a list of whole numbers')),
    'a list of whole numbers from 0 on',
    'Seeds of every arm; runs of one seed are compared with each other.',
    'number[]',
  ),
  reference: v.optional(
    text('The arm that others are compared with; absent for `realign` where it is one of them, else the first.'),
  ),
  tokens: v.optional(
    described(
      v.record(v.string(), tokens),
      'a section for each arm',
      "Tokens that making an arm's data costs, `input` and `output` in millions.",
      'Record<string, Tokens>',
    ),
  ),
})

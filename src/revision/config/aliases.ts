/** A name of another tool for one of ours. */
export interface Alias {
  /** Names, as LLaVA, Bunny, Hugging Face, LLaMA-Factory and axolotl write them. */
  names: readonly string[]
  /** Where the value goes; for a stage's option, within the stage. */
  to: string
  /** Changes the value; `undefined` leaves ours as it is. */
  convert?: (value: unknown) => unknown
  /** Whether a value that leaves ours as it is speaks against what ours is. */
  denies?: (value: unknown, ours: unknown) => boolean
  /** What of a value has no effect, in words; nothing for a value that is taken as a whole. */
  without?: (value: unknown) => string[]
  /** How values differ, for the reference. */
  note?: string
}

/** Aliases that stand at the top of a file. */
export const ROOT_ALIASES: readonly Alias[] = [
  { names: ['model_name_or_path', 'base_model'], to: 'model.path' },
  {
    names: ['bf16'],
    to: 'model.dtype',
    convert: value => (value === true ? 'bf16' : value === false ? 'f32' : value === 'auto' ? undefined : value),
    note: '`true` is `bf16`, `false` is `f32`, `auto` says nothing',
  },
  { names: ['mm_projector_type'], to: 'projector.type' },
  { names: ['pretrain_mm_mlp_adapter'], to: 'projector.init' },
  { names: ['output_dir'], to: 'output' },
  { names: ['random_seed'], to: 'seed' },
  { names: ['resume_from_checkpoint'], to: 'resume' },
  { names: ['logging_steps'], to: 'logging.every' },
  {
    names: ['report_to'],
    to: 'logging.tensorboard',
    convert: value => [value].flat().some(each => each === 'tensorboard' || each === 'all'),
    without: value =>
      [value]
        .flat()
        .filter(each => !['tensorboard', 'all', 'none', 'no', false].includes(each as string))
        .map(each => `report_to: ${String(each)}`),
    note: '`tensorboard` and `all` switch it on; other services are named as without effect and left to callbacks',
  },
  {
    names: ['metric_for_best_model'],
    to: 'bestMetric',
    convert: value => prefixed(value),
    note: '`loss` is `eval_loss`',
  },
  { names: ['load_best_model_at_end'], to: 'loadBest' },
  { names: ['early_stopping_patience'], to: 'earlyStop.patience' },
  { names: ['early_stopping_threshold'], to: 'earlyStop.minDelta' },
  { names: ['chat_template_kwargs'], to: 'templateArguments' },
  { names: ['max_new_tokens'], to: 'evaluation.generate.maxNewTokens' },
  { names: ['temperature'], to: 'evaluation.generate.temperature' },
  { names: ['top_p'], to: 'evaluation.generate.topP' },
]

/** Aliases of a stage's options; at the top of a file they belong to its only stage. */
export const STAGE_ALIASES: readonly Alias[] = [
  { names: ['data_path'], to: 'data' },
  { names: ['val_set_size'], to: 'valSize' },
  {
    names: ['version'],
    to: 'template',
    // Bunny's `llama` has nothing of the turns that Llama 3 itself knows
    convert: value => (value === 'llama' ? 'bunny' : templateNamed(value)),
    note: '`v1` and `vicuna_v1` are `vicuna`, `llama_2` is `llama-2`, `llama3` is `llama`, `chatml_direct` and `qwen` are `chatml`, `phi3` and `llama` are `bunny`',
  },
  { names: ['model_max_length', 'cutoff_len', 'sequence_len'], to: 'maxLength' },
  { names: ['num_train_epochs', 'num_epochs'], to: 'epochs' },
  {
    names: ['max_steps'],
    to: 'steps',
    convert: value => (value === -1 ? undefined : value),
    denies: value => value === -1,
    note: '`-1` is none',
  },
  { names: ['train_batch_size'], to: 'batchSize' },
  { names: ['per_device_train_batch_size', 'micro_batch_size'], to: 'microBatch', note: 'see batches above' },
  { names: ['gradient_accumulation_steps'], to: 'batchSize', note: 'see batches above' },
  { names: ['lr'], to: 'learningRate' },
  { names: ['lr_scheduler_type', 'lr_scheduler'], to: 'schedule' },
  {
    names: ['lr_scheduler_kwargs'],
    to: 'scheduleShape',
    convert: shapeNamed,
    note: '`num_cycles` is `cycles`, `lr_end` and `min_lr_rate` are `end`',
  },
  { names: ['adam_beta1'], to: 'optimizer.beta1' },
  { names: ['adam_beta2'], to: 'optimizer.beta2' },
  { names: ['adam_epsilon'], to: 'optimizer.eps' },
  { names: ['eval_steps'], to: 'evalEvery' },
  {
    names: ['eval_strategy', 'evaluation_strategy'],
    to: 'evalEvery',
    convert: strategy,
    note: '`no`, `epoch`; `steps` says nothing',
  },
  {
    names: ['evals_per_epoch'],
    to: 'evalEvery',
    convert: perEpoch,
    note: '`1` is `epoch`; no other number is possible',
  },
  { names: ['save_steps'], to: 'saveEvery' },
  {
    names: ['saves_per_epoch'],
    to: 'saveEvery',
    convert: perEpoch,
    note: '`1` is `epoch`; no other number is possible',
  },
  { names: ['save_strategy'], to: 'saveEvery', convert: strategy, note: '`no`, `epoch`; `steps` says nothing' },
  { names: ['mm_projector_lr'], to: 'projectorLearningRate' },
  {
    names: ['lora_enable'],
    to: 'mode',
    ...switchTo('lora'),
    note: '`true` is `lora`',
  },
  { names: ['adapter', 'finetuning_type'], to: 'mode' },
  {
    names: ['freeze_backbone', 'tune_mm_mlp_adapter', 'freeze_language_model'],
    to: 'mode',
    ...switchTo('projector'),
    note: '`true` is `projector`; at the top of a file `tune_mm_mlp_adapter` means stage 1',
  },
  { names: ['lora_r', 'lora_rank'], to: 'lora.rank' },
  { names: ['lora_alpha'], to: 'lora.alpha' },
  { names: ['lora_dropout'], to: 'lora.dropout' },
  {
    names: ['lora_target', 'lora_target_modules'],
    to: 'lora.targets',
    convert: value =>
      value === 'all' ? undefined : typeof value === 'string' ? value.split(',').map(name => name.trim()) : value,
    denies: value => value === 'all',
    note: 'a text of names between commas; `all` is the default',
  },
]

/** Names that mean something elsewhere and nothing here; `*` stands for any ending. */
export const IGNORED: readonly string[] = [
  'auto_find_batch_size',
  'cache_dir',
  'data_seed',
  'dataloader_*',
  'ddp_*',
  'deepspeed',
  'disable_tqdm',
  'do_eval',
  'do_train',
  'double_quant',
  'eval_accumulation_steps',
  'flash_attention',
  'flash_attn',
  'fp16',
  'freeze_vision_tower',
  'fsdp',
  'fsdp_*',
  'gradient_checkpointing',
  'gradient_checkpointing_kwargs',
  'group_by_length',
  'group_by_modality_length',
  'half_precision_backend',
  'hub_*',
  'image_aspect_ratio',
  'image_folder',
  'is_multimodal',
  'lazy_preprocess',
  'local_rank',
  'log_level',
  'logging_dir',
  'logging_first_step',
  'logging_strategy',
  'media_dir',
  'mm_hidden_size',
  'mm_patch_merge_type',
  'mm_use_im_patch_token',
  'mm_use_im_start_end',
  'mm_vision_select_feature',
  'mm_vision_select_layer',
  'model_type',
  'overwrite_cache',
  'overwrite_output_dir',
  'per_device_eval_batch_size',
  'plot_loss',
  'preprocessing_num_workers',
  'push_to_hub',
  'quant_type',
  'remove_unused_columns',
  'run_name',
  'save_only_model',
  'save_safetensors',
  'tf32',
  'torch_compile',
  'trust_remote_code',
  'use_cache',
  'use_s2',
  'vision_tower',
  'wandb_*',
]

/** AdamW, however it is computed. */
const ADAMW = ['adamw_torch', 'adamw_torch_fused', 'adamw_hf', 'adamw']

/** What a name may say. */
export interface Refused {
  /** Values that are taken. */
  allowed: readonly unknown[]
  /** Why no others. */
  instead: string
  /** Whether the values that are taken change anything. */
  effective?: true
}

/** Names whose value may be one of a few only, for anything else would change what is trained. */
export const REFUSED: Readonly<Record<string, Refused>> = {
  bits: { allowed: [16, 32], instead: 'quantised models come as GGUF, in model.path' },
  do_sample: { allowed: [false], instead: 'evaluation.generate.temperature above 0 draws' },
  freeze_mm_mlp_adapter: { allowed: [false], instead: 'the projector learns in both stages' },
  freeze_multi_modal_projector: { allowed: [false], instead: 'the projector learns in both stages' },
  load_in_4bit: { allowed: [false], instead: 'quantised models come as GGUF, in model.path' },
  load_in_8bit: { allowed: [false], instead: 'quantised models come as GGUF, in model.path' },
  lora_bias: { allowed: ['none'], instead: 'only the added matrices learn' },
  neat_packing: { allowed: [false], instead: 'samples are not packed' },
  num_beams: { allowed: [1], instead: 'answers are drawn one token at a time' },
  optim: { allowed: ADAMW, instead: 'AdamW is the only optimiser' },
  packing: { allowed: [false], instead: 'samples are not packed' },
  sample_packing: { allowed: [false], instead: 'samples are not packed' },
  stage: { allowed: ['pt', 'sft'], instead: 'there are two stages, pt and sft', effective: true },
  train_on_inputs: { allowed: [false], instead: 'only answers are learned' },
  train_on_prompt: { allowed: [false], instead: 'only answers are learned' },
  unfreeze_vision_tower: { allowed: [false], instead: 'images come as embeddings' },
}

/** Names that are not taken, with the way to say it here. */
export const HINTS: Readonly<Record<string, string>> = {
  dataset: 'name the file itself, as `data` of a stage',
  dataset_dir: 'name the file itself, as `data` of a stage',
  datasets: 'name the file itself, as `data` of a stage',
  embeds: 'name the rows of images as embeddings.image',
  lora_weight_path: 'name a checkpoint to continue from as resume',
  lr_groups: 'give stage2.projectorLearningRate',
}

const VERSIONS: Readonly<Record<string, string>> = {
  v1: 'vicuna',
  vicuna_v1: 'vicuna',
  llama_2: 'llama-2',
  llama2: 'llama-2',
  llama3: 'llama',
  chatml_direct: 'chatml',
  qwen: 'chatml',
  phi3: 'bunny',
}

const SHAPES: Readonly<Record<string, string>> = { num_cycles: 'cycles', lr_end: 'end', min_lr_rate: 'end' }

function shapeNamed(value: unknown): unknown {
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : undefined
  return entries ? Object.fromEntries(entries.map(([key, each]) => [SHAPES[key] ?? key, each])) : value
}

/** What a value of one of our own names is called elsewhere; `undefined` for what goes without saying. */
export const OWN_VALUES: Readonly<Record<string, (value: unknown) => unknown>> = {
  template: templateNamed,
  optimizer: value => (ADAMW.includes(value as string) ? undefined : value),
}

/** Our name of a template that has another one elsewhere. */
function templateNamed(value: unknown): unknown {
  return typeof value === 'string' && Object.hasOwn(VERSIONS, value) ? VERSIONS[value] : value
}

/** A switch for one of our modes; off it says which one it is not. */
function switchTo(mode: string): Pick<Alias, 'convert' | 'denies'> {
  return {
    convert: value => (value === true ? mode : value === false ? undefined : value),
    denies: (value, ours) => value === false && ours === mode,
  }
}

function strategy(value: unknown): unknown {
  return value === 'no' || value === false ? 0 : value === 'steps' ? undefined : value
}

function perEpoch(value: unknown): unknown {
  return value === 1 ? 'epoch' : value === 0 ? 0 : `${value} times an epoch`
}

function prefixed(value: unknown): unknown {
  return typeof value === 'string' && !value.startsWith('eval_') ? `eval_${value}` : value
}

/** Whether a name is one that means nothing here. */
export function isIgnored(name: string): boolean {
  return IGNORED.some(each => (each.endsWith('*') ? name.startsWith(each.slice(0, -1)) : name === each))
}

/** The alias of a name among some. */
export function aliasNamed(name: string, aliases: readonly Alias[]): Alias | undefined {
  return aliases.find(({ names }) => names.includes(name))
}

// made from the Rust types by `npm run build:types`

/** Options of which each may be left out, but for those that are `Needed`. */
export type Given<T, Needed extends keyof T = never> = Pick<Part<T>, Exclude<keyof T, Needed>> & Required<Pick<Part<T>, Needed>>

type Part<T> = T extends readonly (infer E)[] ? readonly Part<E>[] : T extends object ? { [K in keyof T]?: Part<T[K]> } : T

/** What a call answers with: its result, or why there is none. */
export type Outcome<T> = { ok: T } | { error: Failure }

/**
 * The optimiser's constants.
 */
export type AdamWOptions = {
/**
 * Decay of the mean of gradients.
 */
beta1: number,
/**
 * Decay of the mean of squared gradients.
 */
beta2: number,
/**
 * Added to the root.
 */
eps: number,
/**
 * Largest norm of all gradients together; longer ones are scaled down to it. 0: no bound.
 */
maxGradNorm: number, };

/**
 * Gaps of the fit, in sample unless said.
 */
export type AlignerGap = {
/**
 * ‖μx−μy‖ of the unit rows.
 */
before: number,
/**
 * ‖μx−μz‖ of the f64 result, when it was measured.
 */
after?: number,
/**
 * sqrt(Tx/n + Ty/m).
 */
floor: number,
/**
 * The same on rows held out from the fit.
 */
held?: Omit<AlignerGap, 'held'>, };

/**
 * What an aligner says of itself; the one metadata entry of its file.
 */
export type AlignerInfo = {
/**
 * Version of the file format.
 */
version: number,
/**
 * Version of the package that fitted it.
 */
package: string,
/**
 * Method and options of the fit.
 */
options: FittedOptions,
/**
 * Columns.
 */
dim: number,
/**
 * The side that moves.
 */
source: SideInfo,
/**
 * The side it moves onto.
 */
target: SideInfo,
/**
 * s.
 */
scale: number,
/**
 * Whether rows end on the sphere.
 */
renormalize: boolean,
/**
 * Offsets stored.
 */
iterations: number,
/**
 * Stages of the map, where it is more than a scale, a shift and offsets.
 */
stages: Array<StageInfo>,
/**
 * Gaps of the fit.
 */
gap: AlignerGap,
/**
 * Whether the target's rows move too (centering).
 */
movesTarget: boolean,
/**
 * How its rows belonged together, where they did.
 */
pairs?: "rows" | "groups", };

/**
 * An answer.
 */
export type Answer = {
/**
 * Its text, without what ended it and without thoughts before it (`<think>…</think>`).
 */
text: string,
/**
 * Its tokens, without those of thoughts.
 */
tokens: Array<number>,
/**
 * Why it ended.
 */
ended: "end" | "stop" | "length", };

/**
 * A row that cannot be used, and why.
 */
export type BadRow = {
/**
 * The file; absent for rows from memory.
 */
file?: string,
/**
 * Index in the file.
 */
row: number,
/**
 * Index in all files together.
 */
index: number,
/**
 * Why it cannot be used.
 */
reason: string, };

/**
 * A part of the mean difference over time.
 */
export type BiasRecord = {
/**
 * ‖b(t)−b(t0)‖/max(‖b(t0)‖, ε); once the frame is frozen.
 */
drift?: number,
/**
 * cos(b(t), b(t−1)) with the step recorded before; absent at the first.
 */
stepCosine?: number | null, };

/**
 * How the centroid step is solved.
 */
export type Centroid = "iterate" | "solve";

/**
 * Condition numbers of the covariance of an isotropic sample of as many rows in as many dimensions; where pairs share items, of one
 * whose rows share them too and have as much of their variance in common.
 */
export type ConditionRecord = {
/**
 * κ.
 */
kappa: number | null,
/**
 * `kappa_eff`.
 */
kappaEff: number | null, };

/**
 * What a conversion wrote.
 */
export type ConvertReport = {
/**
 * Rows written.
 */
rows: number,
/**
 * Columns.
 */
dim: number,
/**
 * Bad rows left out.
 */
dropped: number,
/**
 * Files written.
 */
outputs: Array<string>,
/**
 * What was not carried along; absent where all was.
 */
notCarried?: Array<NotCarried>,
/**
 * Wall-clock seconds of each part.
 */
seconds: Seconds, };

/**
 * A conversion.
 */
export type ConvertSpec = { threads?: number, out: string, dtype?: 'f16' | 'bf16' | 'f32' | 'f64', format?: ReadFormat, sync?: boolean, overwrite?: boolean, };

/**
 * L = E[ζδᵀ]·(Σ_U+λI)⁻¹.
 */
export type CouplingRecord = {
/**
 * ‖L‖₂.
 */
norm: number,
/**
 * Share of E‖ζ‖² that L explains.
 */
r2: number | null,
/**
 * λ.
 */
lambda: number, };

/**
 * Pairs that were left out.
 */
export type DroppedPairs = {
/**
 * How many.
 */
count: number,
/**
 * What is wrong with the first [`SHOWN`].
 */
first: Array<string>, };

/**
 * What an embedding job is given.
 */
export type EmbedJob = {
/**
 * The encoder's file or folder.
 */
encoder: string,
/**
 * Lists of pairs.
 */
data: Array<string>,
/**
 * Folder to write into.
 */
out: string,
/**
 * Name of the prompt that texts stand behind; the encoder's default one when absent.
 */
prompt?: string,
/**
 * What becomes of pairs that cannot be used.
 */
onBadPair: OnBadPair,
/**
 * Whether lists may name images outside of their folders.
 */
allowOutsideImages: boolean,
/**
 * Only pairs of these splits; all when empty.
 */
splits: Array<string>,
/**
 * Pairs per shard; each gives a row for each of its captions.
 */
shardRows: number,
/**
 * f32 instead of f16.
 */
full: boolean,
/**
 * Keep the shards of an earlier run whose receipts still hold: same encoder, pairs and images, files as written.
 */
resume: boolean,
/**
 * Replace what another run has left in the folder.
 */
overwrite: boolean, };

/**
 * What an embedding job gave.
 */
export type EmbedReport = {
/**
 * Pairs.
 */
pairs: number,
/**
 * Rows: a pair has one for each of its captions.
 */
rows: number,
/**
 * Columns.
 */
dim: number,
/**
 * Pairs that were left out.
 */
dropped: DroppedPairs,
/**
 * Shards that were kept from an earlier run.
 */
kept: number,
/**
 * Files, in order.
 */
outputs: Array<string>, };

/**
 * What is known of opened rows without reading them.
 */
export type EmbeddingsInfo = {
/**
 * Number of rows.
 */
rows: number,
/**
 * Columns of a row.
 */
dim: number,
/**
 * Storage type of a component.
 */
dtype: 'f16' | 'bf16' | 'f32' | 'f64',
/**
 * Container, or `'memory'`.
 */
format: ReadFormat | 'memory',
/**
 * Whether the files stand in a clip-retrieval folder with metadata beside them.
 */
layout: 'files' | 'clip-retrieval' | 'memory',
/**
 * The files in reading order; empty for rows in memory.
 */
shards: Array<ShardInfo>,
/**
 * The label they were opened with.
 */
label?: string, };

/**
 * What is known of an encoder.
 */
export type EncoderInfo = {
/**
 * Columns of its embeddings.
 */
dim: number,
/**
 * Whether it takes images.
 */
images: boolean,
/**
 * Names of its prompts.
 */
prompts: Array<string>, };

/**
 * Shapes of both towers.
 */
export type EncoderShape = {
/**
 * Columns of an embedding.
 */
dim: number,
/**
 * Pixels of an image's side.
 */
imageSize: number,
/**
 * Pixels of a patch's side, a divisor of the image's.
 */
patch: number,
/**
 * The image tower.
 */
image: TowerShape,
/**
 * The text tower.
 */
text: TowerShape,
/**
 * Words of a text that are read at most.
 */
tokens: number, };

/**
 * Why a call gave no result, as it crosses the border.
 */
export type Failure = {
/**
 * What went wrong, stable across versions.
 */
code: string,
/**
 * One sentence for people.
 */
message: string,
/**
 * The file concerned.
 */
file?: string,
/**
 * Index of the row concerned.
 */
row?: number,
/**
 * Index of the column concerned.
 */
column?: number, };

/**
 * What a fit found.
 */
export type FitReport = {
/**
 * Columns.
 */
dim: number,
/**
 * Rows fitted.
 */
rows: { [key in string]: number },
/**
 * Bad rows left out.
 */
dropped: { [key in string]: number },
/**
 * Lengths of the rows as they are stored.
 */
norms: { [key in string]: Norms },
/**
 * Trace of the covariance, E‖e−μ‖² of the unit rows.
 */
trace: { [key in string]: number },
/**
 * Factor on the residuals.
 */
scale: number,
/**
 * Centroid offsets that were fitted.
 */
iterations: number,
/**
 * What the sphere projection does to the mean; absent where no row is projected.
 */
phantomDrift?: PhantomDrift,
/**
 * The gap before and after.
 */
gap: Gap,
/**
 * Method and options of the fit.
 */
options: FittedOptions,
/**
 * The rows kept out of the fit, when some were.
 */
holdout?: {
/**
 * Share of the rows that is held out, 0 to 1.
 */
holdout: number,
/**
 * Seed of the hash.
 */
seed: number, },
/**
 * Files written.
 */
outputs: Array<string>,
/**
 * What was not carried along; absent where all was.
 */
notCarried?: Array<NotCarried>,
/**
 * Wall-clock seconds of each part.
 */
seconds: Seconds,
/**
 * Largest resident memory of the process so far; absent where the system does not tell.
 */
peakMemoryBytes?: number, };

/**
 * What to fit. Absent options take the documented default.
 */
export type FittedOptions = {
/**
 * The strategy.
 */
method: Method,
/**
 * Steps of ReAlign to take; all three by default.
 */
steps?: Array<Step>,
/**
 * How the centroid step is solved.
 */
centroid: Centroid,
/**
 * Centroid passes, [`DEFAULT_CENTROID_ITERATIONS`] by default; with a tolerance their bound.
 */
centroidIterations?: number,
/**
 * Stop as soon as the in-sample gap is at most this.
 */
tolerance?: number,
/**
 * Whose arithmetic to follow.
 */
compat?: "official",
/**
 * Whether rows end on the sphere; only centering leaves it by default.
 */
renormalize?: boolean,
/**
 * σ of C3's noise, [`crate::DEFAULT_NOISE`] by default.
 */
noise?: number,
/**
 * Seed of C3's noise; 0 by default.
 */
noiseSeed?: number,
/**
 * ρ added to covariances before their roots are taken, [`crate::DEFAULT_RIDGE_OF_ROOTS`] by default.
 */
ridge?: number,
/**
 * Whether BCA matches covariances about the means (the default) or second moments, as printed; whether C3 centres both
 * sides, as its authors' code for captions does, in place of moving texts onto images (the default).
 */
centered?: boolean,
/**
 * Share of the energy that the frame's U holds, for BCA and AnisoAlign.
 */
energy?: number,
/**
 * Dimension of U, instead of a share.
 */
rank?: number,
/**
 * What the target rows are; `image` by default.
 */
targetName?: string,
/**
 * What the source rows are; `text` by default.
 */
sourceName?: string,
/**
 * Which encoder made the rows, kept in the file.
 */
encoder?: string, };

/**
 * Distances between the means of two sets of unit rows.
 */
export type Gap = {
/**
 * ‖μx−μz‖ before the fit, on the rows of the fit.
 */
before: number,
/**
 * The same after it, of the f64 result.
 */
after?: number,
/**
 * The same of the rows as written, rounded to their storage type.
 */
stored?: number,
/**
 * sqrt(Tx/n+Tz/m): how far apart two samples of one distribution are.
 */
floor: number,
/**
 * Whether before and after were measured on the rows of the fit, where the gap after it always lies below the floor.
 */
inSample?: boolean,
/**
 * The gap on rows that were kept out of the fit, with the floor that holds for them.
 */
held?: Omit<AlignerGap, 'held'>, };

/**
 * What held-out pairs show.
 */
export type HeldOut = {
/**
 * Pairs.
 */
rows: number,
/**
 * Different captions among them.
 */
captions: number,
/**
 * ‖mean image − mean text‖.
 */
gap: number,
/**
 * Mean cosine of a pair.
 */
pairedCosine: number,
/**
 * Images found by captions.
 */
textToImage: Recall,
/**
 * Captions found by images.
 */
imageToText: Recall,
/**
 * Recall among the first five that chance would give, both ways together.
 */
chanceR5: number, };

/**
 * What a set of rows looks like.
 */
export type InspectReport = {
/**
 * Lengths of the usable rows as they are stored, and their mean; null when no row is usable.
 */
norms: MeanNorms | null,
/**
 * Whether every usable row has length one up to the rounding of its storage type.
 */
unit: boolean,
/**
 * Rows that cannot be used: how many, and the first of them.
 */
badRows: {
/**
 * How many there are.
 */
count: number,
/**
 * The first of them.
 */
first: Array<BadRow>, },
/**
 * Number of rows.
 */
rows: number,
/**
 * Columns of a row.
 */
dim: number,
/**
 * Storage type of a component.
 */
dtype: 'f16' | 'bf16' | 'f32' | 'f64',
/**
 * Container, or `'memory'`.
 */
format: ReadFormat | 'memory',
/**
 * Whether the files stand in a clip-retrieval folder with metadata beside them.
 */
layout: 'files' | 'clip-retrieval' | 'memory',
/**
 * The files in reading order; empty for rows in memory.
 */
shards: Array<ShardInfo>,
/**
 * The label they were opened with.
 */
label?: string, };

/**
 * An inspection.
 */
export type InspectSpec = { threads?: number, badRows?: number, };

/**
 * A job to run; a key that its kind does not have is refused.
 */
export type Job = { "kind": "fit" } & FitSpec & Given<FittedOptions> | { "kind": "align" } & AlignSpec & Given<FittedOptions> | { "kind": "transform" } & TransformSpec | { "kind": "measure" } & MeasureSpec | { "kind": "convert" } & ConvertSpec | { "kind": "inspect" } & InspectSpec | { "kind": "task" } & ShardTask;

/**
 * What of a model learns.
 */
export type LearnMode = "projector" | "lora" | "full";

/**
 * How a model learns.
 */
export type LearnOptions = {
/**
 * What learns.
 */
mode: LearnMode,
/**
 * Whether the projector stays as it is; only together with another mode than `projector`.
 */
freezeProjector: boolean,
/**
 * Adapters, for mode `lora`.
 */
lora: LoraOptions,
/**
 * Highest learning rate.
 */
learningRate: number,
/**
 * The projector's, where it differs.
 */
projectorLearningRate?: number,
/**
 * Share of the values taken away per update, times the rate; not of biases and norms.
 */
weightDecay: number,
/**
 * Decay of the mean of gradients.
 */
adamBeta1: number,
/**
 * Decay of the mean of squared gradients.
 */
adamBeta2: number,
/**
 * Added to the root.
 */
adamEpsilon: number,
/**
 * Largest norm of all gradients together; 0: no bound.
 */
maxGradNorm: number,
/**
 * How the learning rate goes.
 */
schedule: ScheduleKind,
/**
 * Numbers that some schedules ask for.
 */
scheduleShape: ScheduleShape,
/**
 * Share of the updates in which the rate rises.
 */
warmupRatio: number,
/**
 * Updates of the rise, instead of a share.
 */
warmupSteps?: number,
/**
 * Updates in all.
 */
steps: number,
/**
 * Bytes of intermediate values that are kept for the way back; what does not fit is computed twice.
 */
activationBytes: number, };

/**
 * Which maps get adapters, and of what rank.
 */
export type LoraOptions = {
/**
 * Rank of a change.
 */
rank: number,
/**
 * A change is multiplied by alpha/rank.
 */
alpha: number,
/**
 * Share of its input that an adapter does not see while training.
 */
dropout: number,
/**
 * Maps by the end of their names.
 */
targets: Array<string>,
/**
 * Ranks of maps that have another, by their whole name.
 */
ranks: { [key in string]: number },
/**
 * Alphas of maps that have another, by their whole name.
 */
alphas: { [key in string]: number },
/**
 * Whether a change is multiplied by alpha/√rank instead: Kalajdzievski, arXiv 2312.03732.
 */
rootScale: boolean, };

/**
 * Losses of samples without an update.
 */
export type LossReport = {
/**
 * Σ −log p of each sample, in nats.
 */
losses: Array<number>,
/**
 * Tokens that count, by sample.
 */
labels: Array<number>,
/**
 * How many of all those tokens were the most likely.
 */
right: number, };

/**
 * Lengths of rows as they are stored, with their mean.
 */
export type MeanNorms = {
/**
 * The shortest.
 */
min: number,
/**
 * The longest.
 */
max: number,
/**
 * Their mean.
 */
mean: number, };

/**
 * What is measured beside the gap itself.
 */
export type MeasurePart = "causes" | "neighbours" | "retrieval" | "similarity" | "preservation";

/**
 * A measurement.
 */
export type MeasureSpec = { threads?: number, paired?: boolean, holdout?: number, seed?: number, energy?: number, rank?: number, alphaRanks?: number, lambda?: number, frame?: string, saveFrame?: string, parts?: readonly MeasurePart[], exact?: boolean, figures?: boolean, outcomes?: boolean, covarianceRows?: number, judged?: boolean, };

/**
 * How the source rows are moved onto the target's distribution.
 */
export type Method = "realign" | "mean-shift" | "centering" | "c3" | "bca" | "procrustes" | "bures" | "aniso-init" | "none";

/**
 * What a model says of itself.
 */
export type ModelInfo = {
/**
 * `llama`, `mistral`, `qwen2` or `qwen3`.
 */
modelType: string,
/**
 * Tokens of its vocabulary.
 */
vocab: number,
/**
 * Width of the language model.
 */
hidden: number,
/**
 * Blocks.
 */
layers: number,
/**
 * Columns of embeddings.
 */
dim: number,
/**
 * Numbers that learn.
 */
learning: number,
/**
 * What multiplies bf16 matrices on this machine.
 */
unit: string,
/**
 * What is worth saying about its files: tensors that are not used, a template that ends answers with no token, words of a
 * GGUF file that are cut by default. Each is also a warning of the process when the model is opened.
 */
notes: Array<string>, };

/**
 * A sample, and where its images' embeddings stand.
 */
export type ModelSample = {
/**
 * Its name, for errors.
 */
id: string,
/**
 * What is said; `<image>` is the place of an image.
 */
turns: readonly SampleTurn[],
/**
 * The row of each image among the rows that are given with the call.
 */
rows: readonly number[],
/**
 * Number of the pass over the data: an aligner that adds noise draws it anew in every one; 0 by default.
 */
epoch?: number, };

/**
 * Lengths of rows as they are stored.
 */
export type Norms = {
/**
 * The shortest.
 */
min: number,
/**
 * The longest.
 */
max: number, };

/**
 * What stands beside rows that were read, and is in no file that was written: its format or place does not hold it.
 */
export type NotCarried = {
/**
 * Columns, keys, arrays, tensors or files.
 */
names: Array<string>,
/**
 * The first file that held them; absent for rows from memory.
 */
file?: string,
/**
 * How many files did.
 */
files: number, };

/**
 * What becomes of pairs that cannot be used.
 */
export type OnBadPair = "error" | "drop";

/**
 * What to do with a row that cannot be used.
 */
export type OnBadRow = "error" | "drop";

/**
 * What is opened, and how it is read.
 */
export type OpenSpec = {
/**
 * Files, folders, globs and lists of them.
 */
paths: readonly string[],
/**
 * Which side of a pair they are.
 */
role?: 'image' | 'text' | 'other',
/**
 * The split of a data set to take.
 */
split?: string, };

/**
 * How the mean of projected rows departs from the projected mean.
 */
export type PhantomDrift = {
/**
 * ‖E[π(z)]−π(E[z])‖.
 */
measured: number,
/**
 * ‖E[π(z)]−μx‖, the distance it leaves to the target's mean.
 */
toTarget: number,
/**
 * Length of the measured drift's part tangential to the sphere.
 */
tangential?: number,
/**
 * Length of its prediction −(I−aaᵀ)Σc/R³, with Σ the covariance of the moved text and c = μx − s·μy.
 */
predictedTangential?: number,
/**
 * Cosine of predicted and measured tangential parts.
 */
cosine?: number,
/**
 * Length of the predicted drift less the measured one, relative to the measured one.
 */
error?: number,
/**
 * √(cᵀΣc)/R², the parameter that the prediction is an expansion in; the smaller, the nearer.
 */
parameter?: number, };

/**
 * How a frozen language model is computed.
 */
export type Precision = "bf16" | "f32";

/**
 * A projector before the language model is known that it stands before.
 */
export type ProjectorOptions = {
/**
 * As in [`ProjectorConfig`].
 */
type: string,
/**
 * Soft tokens per embedding.
 */
numVisualTokens: number,
/**
 * Whether they are different ones.
 */
distinctTokens: boolean,
/**
 * Factor of an embedding on its way in.
 */
inputScale: number,
/**
 * A projector's file to begin with, of the same shape: this package's, LLaVA's, Bunny's, Hugging Face's or mmproj.
 */
init?: string, };

/**
 * Container formats.
 */
export type ReadFormat = "npy" | "npz" | "parquet" | "arrow" | "safetensors" | "pickle" | "jsonl" | "json" | "csv" | "fvecs";

/**
 * How rows are read; absent options take the documented default.
 */
export type ReadOptions = {
/**
 * What to do with a bad row; stop by default.
 */
onBadRow: OnBadRow,
/**
 * Whether rows are scaled to unit length; yes by default.
 */
normalize?: boolean,
/**
 * What the rows are, for messages.
 */
label?: string, };

/**
 * How often the right answer is among the first k, and the mean of 1/rank.
 */
export type Recall = {
/**
 * Among the first.
 */
r1: number,
/**
 * Among the first five.
 */
r5: number,
/**
 * Among the first ten.
 */
r10: number,
/**
 * Mean reciprocal rank.
 */
mrr: number, };

/**
 * Share of queries whose partner is among the k nearest.
 */
export type RecallRecord = {
/**
 * k = 1.
 */
r1: number,
/**
 * k = 5.
 */
r5: number, };

/**
 * The report of each kind of job.
 */
export type Reports = {
/**
 * What a fit found.
 */
fit: FitReport,
/**
 * The same, with the files written.
 */
align: FitReport,
/**
 * What a transformation found.
 */
transform: TransformReport,
/**
 * What a measurement found.
 */
measure: unknown,
/**
 * What a conversion wrote.
 */
convert: ConvertReport,
/**
 * What a source holds.
 */
inspect: InspectReport,
/**
 * The receipt of a shard task.
 */
task: unknown, };

/**
 * Sizes of samples as the model takes them.
 */
export type SampleSizes = {
/**
 * Positions, by sample.
 */
positions: Array<number>,
/**
 * Tokens that count in the loss, by sample.
 */
labels: Array<number>, };

/**
 * How the next token is chosen.
 */
export type SamplingOptions = {
/**
 * Most tokens of an answer.
 */
maxNewTokens: number,
/**
 * Logits are divided by it; 0 takes the most likely token.
 */
temperature: number,
/**
 * The most likely tokens that together have this probability are drawn from: Holtzman et al., arXiv 1904.09751.
 */
topP: number,
/**
 * Seed of the draws; those of an answer depend on it and on the answer's number alone.
 */
seed: number,
/**
 * Number of the first answer, where many are made in parts.
 */
first: number, };

/**
 * The shape after the warm-up.
 */
export type ScheduleKind = "cosine" | "linear" | "constant" | "constant_with_warmup" | "inverse_sqrt" | "polynomial" | "cosine_with_restarts" | "cosine_with_min_lr";

/**
 * Numbers that only some shapes ask for; the defaults are Hugging Face's.
 */
export type ScheduleShape = {
/**
 * Cycles of the cosine with restarts.
 */
cycles: number,
/**
 * Power of the polynomial.
 */
power: number,
/**
 * Rate at the end: of the polynomial as it is (1e-7), of the cosine with a least rate as a share of the peak.
 */
end?: number, };

/**
 * Wall-clock seconds of the parts of a job; a part that did not happen is absent.
 */
export type Seconds = {
/**
 * The pass over new rows that looks for bad ones and compares them with those of the fit.
 */
check?: number,
/**
 * Passes over the rows to fit.
 */
fit?: number,
/**
 * Reading, moving and writing rows.
 */
transform?: number,
/**
 * Reading and writing rows without moving them.
 */
convert?: number,
/**
 * Waiting until the disk held the output.
 */
sync?: number, };

/**
 * What a session is opened with.
 */
export type SessionOptions = {
/**
 * A language model: a Hugging Face folder or a GGUF file.
 */
path: string,
/**
 * How it is computed where it is frozen.
 */
dtype: Precision,
/**
 * Columns of embeddings.
 */
dim: number,
/**
 * The projector.
 */
projector: ProjectorOptions,
/**
 * Adapters to begin with: a folder in PEFT's layout.
 */
adapter?: string,
/**
 * How conversations are written: one of [`crate::TEMPLATES`].
 */
template: string,
/**
 * What a model's own template is given beside the conversation, such as `enable_thinking`.
 */
templateArguments: Record<string, unknown>,
/**
 * Whether the template `plain` ends a caption with the token of the end.
 */
endToken: boolean,
/**
 * Longest sequence in positions; longer ones are cut.
 */
maxLength: number,
/**
 * Seed of first values and of what is dropped out.
 */
seed: number,
/**
 * How it learns; absent for use only.
 */
learn?: LearnOptions, };

/**
 * One file of rows, or one part of a file.
 */
export type ShardInfo = {
/**
 * Its path; absent for rows in memory.
 */
path?: string,
/**
 * The column, tensor, key or leading index that was picked.
 */
selector?: string,
/**
 * Its rows.
 */
rows: number,
/**
 * Storage type of its components.
 */
dtype: 'f16' | 'bf16' | 'f32' | 'f64',
/**
 * The file of metadata that describes its rows, in a clip-retrieval folder.
 */
metadata?: string, };

/**
 * A shard task.
 */
export type ShardTask = { spec: unknown, };

/**
 * What the fit has seen of one side.
 */
export type SideInfo = {
/**
 * The modality's name.
 */
name: string,
/**
 * Rows it was fitted on.
 */
rows: number,
/**
 * T = E‖e−μ‖² of its unit rows.
 */
trace: number,
/**
 * Items that the rows are of, where several are of one.
 */
groups?: number, };

/**
 * One stage as the metadata tells it; vectors and matrices stand in the tensors `stages.N…`.
 */
export type StageInfo = { "kind": "scale",
/**
 * The factor.
 */
factor: number, } | { "kind": "add" } | { "kind": "sphere" } | { "kind": "linear" } | { "kind": "noise",
/**
 * σ of each component.
 */
sigma: number,
/**
 * Seed, below 2⁵³.
 */
seed: number, } | { "kind": "polar",
/**
 * Pairs of coordinates.
 */
pairs: number,
/**
 * Order statistics kept of the source's radii and of the target's.
 */
knots: [number, number], };

/**
 * A step of ReAlign.
 */
export type Step = "anchor" | "trace" | "centroid";

/**
 * What an update showed.
 */
export type StepReport = {
/**
 * Updates made, this one included.
 */
step: number,
/**
 * Mean −log p of the tokens that count, in nats.
 */
loss: number,
/**
 * Tokens that count.
 */
labels: number,
/**
 * Share of them that were the most likely.
 */
accuracy: number,
/**
 * Positions computed.
 */
positions: number,
/**
 * Norm of all gradients before it was bounded.
 */
gradNorm: number,
/**
 * Learning rate of this update.
 */
learningRate: number, };

/**
 * A step as it crosses the border, beside its rows.
 */
export type StepSpec = {
/**
 * The trainer's step.
 */
step: number,
/**
 * What each source is.
 */
names: readonly ('image' | 'text' | 'gradImage' | 'gradText' | 'batchImage' | 'batchText')[],
/**
 * Threads; one for each core by default.
 */
threads?: number, };

/**
 * Shapes of one tower's transformer.
 */
export type TowerShape = {
/**
 * Columns inside.
 */
width: number,
/**
 * Blocks.
 */
layers: number,
/**
 * Heads of each block, a divisor of the width.
 */
heads: number, };

/**
 * One logging step.
 */
export type TrackRecord = {
/**
 * The trainer's step.
 */
step: number,
/**
 * Columns.
 */
dim: number,
/**
 * Probe pairs.
 */
pairs: number,
/**
 * How the pairs belong together; where they do.
 */
groups?: {
/**
 * How it is known.
 */
by: "ids" | "equal-rows",
/**
 * Different items.
 */
items: number, },
/**
 * The frame everything is taken apart in.
 */
frame: {
/**
 * Dimension of U.
 */
rank: number,
/**
 * Share of the trace that U held when it was estimated.
 */
energy: number,
/**
 * Whether it stays from here on.
 */
frozen: boolean,
/**
 * Step it was estimated at.
 */
step: number, },
/**
 * Distance of the means.
 */
gap: {
/**
 * ‖m‖.
 */
centroid: number,
/**
 * Cosine of the means.
 */
cosine: number | null,
/**
 * ‖m‖² − tr Σ/n.
 */
unbiasedSquared: number,
/**
 * Its 95 % interval.
 */
interval: [number, number],
/**
 * sqrt(tr Σ/n).
 */
floor: number,
/**
 * Whether it is real.
 */
verdict: "real" | "noise" | "not-tested",
/**
 * E‖Δ‖.
 */
pairedDistance: number,
/**
 * Relative modality gap.
 */
rmg: number, },
/**
 * E‖e−μ‖² of both modalities.
 */
trace: {
/**
 * Of the images.
 */
image: number,
/**
 * Of the texts.
 */
text: number, },
/**
 * Energies of the parts of Δ.
 */
decomposition: {
/**
 * ‖β‖.
 */
pmb: number,
/**
 * ‖γ‖.
 */
cob: number,
/**
 * tr Σ_U.
 */
traceU: number,
/**
 * tr Σ_V.
 */
traceV: number, },
/**
 * How far U has turned; once the frame is frozen.
 */
rotation?: {
/**
 * Sine of the largest principal angle, ‖P_V Q_Ut‖₂.
 */
sinTheta: number,
/**
 * Root mean square of the sines of all principal angles.
 */
rmsSine: number,
/**
 * Root mean square of all principal angles, degrees.
 */
rmsAngle: number,
/**
 * `rms_sine` of a random subspace, sqrt(dim V/d).
 */
random: number, },
/**
 * How ζ follows δ.
 */
coupling: CouplingRecord,
/**
 * Where gradients point; when they were given.
 */
leakage?: {
/**
 * sqrt(E‖P_V g‖²/E‖g‖²) over the rows of both modalities.
 */
leak: number | null,
/**
 * The same of image gradients.
 */
image?: number | null,
/**
 * The same of text gradients.
 */
text?: number | null,
/**
 * The same of random directions, sqrt(dim V/d).
 */
random: number,
/**
 * The same of random mixtures of the batch's rows, sqrt(tr(P_VΣ_t)/tr Σ_t); when the batch was given.
 */
mixture?: number,
/**
 * sinθ(Ut,U) + ‖L‖₂, which the paper calls a bound of `leak`; once the frame is frozen.
 */
bound?: number,
/**
 * `leak` − `bound`: above zero, the remainder ρ that the bound needs to hold.
 */
remainder?: number | null, },
/**
 * γ: the bias in V.
 */
passive: BiasRecord,
/**
 * β: the bias in U, to compare with.
 */
active: BiasRecord,
/**
 * Residuals in U.
 */
u: USideRecord,
/**
 * Residuals in V.
 */
v: VSideRecord,
/**
 * Search among the probe pairs.
 */
retrieval?: {
/**
 * Pairs it was measured on.
 */
pairs: number,
/**
 * Images ask, texts answer.
 */
imageToText: RecallRecord,
/**
 * Texts ask, images answer.
 */
textToImage: RecallRecord, },
/**
 * What the sphere does to the text after anchor and trace, as in a measurement.
 */
phantomDrift: {
/**
 * ‖E[π(z)]−π(E[z])‖.
 */
measured: number,
/**
 * ‖E[π(z)]−μx‖.
 */
toTarget: number,
/**
 * Length of its tangential part.
 */
tangential: number,
/**
 * Length of its prediction −(I−aaᵀ)Σc/R³.
 */
predictedTangential: number,
/**
 * Cosine of both tangential parts.
 */
cosine: number | null,
/**
 * Length of the predicted drift less the measured one, relative to the measured one.
 */
error: number,
/**
 * √(cᵀΣc)/R², the parameter that the prediction is an expansion in.
 */
parameter: number,
/**
 * Root mean square of the tangential part that sampling alone gives.
 */
noise: number, },
/**
 * Whether gradients lie in the span of the batch; when it was given.
 */
span?: {
/**
 * sqrt(E‖g−Pg‖²/E‖g‖²), P onto the span; null where the span is the whole space.
 */
residual: number | null,
/**
 * Dimension of the span.
 */
dim: number,
/**
 * The same of a random vector, sqrt(1−dim/d).
 */
random: number, },
/**
 * The window that this step completes.
 */
window?: {
/**
 * First step; the last is that of the record.
 */
from: number,
/**
 * Recorded steps in it.
 */
steps: number,
/**
 * Residuals in U.
 */
u: USideRecord,
/**
 * Residuals in V; γ is that of the mean difference averaged over the window.
 */
v: VSideRecord,
/**
 * How ζ follows δ.
 */
coupling: CouplingRecord, }, };

/**
 * Options of a tracker, and how far it is.
 */
export type TrackerInfo = {
/**
 * How the run is followed.
 */
options: TrackerOptions,
/**
 * The last step that was recorded; null before the first.
 */
lastStep: number | null, };

/**
 * Options of a tracker, kept in its state.
 */
export type TrackerOptions = {
/**
 * First step at or after which the frame is frozen.
 */
freezeAt: number,
/**
 * Share of the energy that U holds.
 */
energy?: number,
/**
 * Dimension of U, instead of a share.
 */
rank?: number,
/**
 * Steps that are multiples of it are recorded; all by default.
 */
every?: number,
/**
 * Recorded steps whose covariances are averaged; windows follow one another from the freezing on.
 */
window?: number,
/**
 * Leading eigencomponents that are compared with the gradients'.
 */
topEigen?: number,
/**
 * Pairs that retrieval is measured on, at most; none for 0.
 */
retrievalPairs?: number,
/**
 * λ of the coupling.
 */
lambda?: number,
/**
 * Seed of the isotropic samples and of the pairs that retrieval takes.
 */
seed?: number, };

/**
 * Options of a training job.
 */
export type TrainJob = {
/**
 * Lists of pairs.
 */
data: Array<string>,
/**
 * Folder for the encoder, its checkpoint and its log.
 */
out: string,
/**
 * Go on from the checkpoint in `out`; a training that was cut short before its first one begins anew.
 */
resume: boolean,
/**
 * Begin anew where the folders hold another training.
 */
overwrite: boolean,
/**
 * Folder for probes as files, `step_000800/{image,text,grad_image,grad_text,batch_image,batch_text}.npy`.
 */
probes?: string,
/**
 * Share of the training pairs held out by chance, for lists that name no splits.
 */
holdout: number,
/**
 * What becomes of pairs that cannot be used.
 */
onBadPair: OnBadPair,
/**
 * Whether lists may name images outside of their folders.
 */
allowOutsideImages: boolean,
/**
 * Everything else.
 */
options: TrainOptions, };

/**
 * Options of the training. An absent option has the default that stands here.
 */
export type TrainOptions = {
/**
 * Shapes of the encoder.
 */
model: EncoderShape,
/**
 * Passes over the training pairs.
 */
epochs: number,
/**
 * Updates in all; takes the place of `epochs`.
 */
steps?: number,
/**
 * Pairs that are contrasted with each other.
 */
batchSize: number,
/**
 * Pairs whose activations are held at a time; smaller ones save memory and change nothing else. 0: the batch.
 */
microBatch: number,
/**
 * Highest learning rate.
 */
learningRate: number,
/**
 * Share of the updates in which the rate rises.
 */
warmup: number,
/**
 * How the rate falls.
 */
schedule: ScheduleKind,
/**
 * Decay of matrices; vectors and tables of positions have none.
 */
weightDecay: number,
/**
 * Constants of the optimiser.
 */
optimizer: AdamWOptions,
/**
 * Temperature of the loss at the start; it is learned. Near 0.01 the gap stays, at 0.07 it closes.
 */
temperature: number,
/**
 * Lowest temperature that training may reach; 0.01 as in CLIP.
 */
minTemperature: number,
/**
 * Whether images are shifted, scaled, mirrored and tinted by chance.
 */
augment: boolean,
/**
 * Seed of everything that happens by chance.
 */
seed: number,
/**
 * Updates between two probes; 0: none.
 */
probeEvery: number,
/**
 * Held-out pairs in a probe at most.
 */
probeRows: number,
/**
 * Updates between two checkpoints; 0: only at the end.
 */
checkpointEvery: number, };

/**
 * What a training gave.
 */
export type TrainReport = {
/**
 * The encoder's file.
 */
encoder: string,
/**
 * Columns of its embeddings.
 */
dim: number,
/**
 * Numbers that were trained.
 */
parameters: number,
/**
 * Pairs that were trained on.
 */
pairs: number,
/**
 * Pairs that were left out.
 */
dropped: DroppedPairs,
/**
 * Updates.
 */
steps: number,
/**
 * Loss of the last batch.
 */
loss: number | null,
/**
 * Learned temperature.
 */
temperature: number,
/**
 * What each held-out split shows.
 */
heldOut: { [key in string]: HeldOut },
/**
 * Seconds of this run.
 */
seconds: number, };

/**
 * What one update did.
 */
export type TrainStep = {
/**
 * Updates so far, this one included.
 */
step: number,
/**
 * Updates in all.
 */
total: number,
/**
 * Passes over the data begun.
 */
epoch: number,
/**
 * Loss of the batch before the update.
 */
loss: number,
/**
 * Share of its images whose own caption came first.
 */
accuracy: number,
/**
 * Temperature before the update.
 */
temperature: number,
/**
 * Learning rate of the update.
 */
learningRate: number,
/**
 * Norm of all gradients together, before it was bounded.
 */
gradNorm: number,
/**
 * Seconds since training began or went on.
 */
seconds: number, };

/**
 * What a transformation of rows found.
 */
export type TransformReport = {
/**
 * Columns.
 */
dim: number,
/**
 * Rows taken in.
 */
rows: {
/**
 * Rows that were moved.
 */
input: number, },
/**
 * Bad rows left out.
 */
dropped: number,
/**
 * Files written.
 */
outputs: Array<string>,
/**
 * What was not carried along; absent where all was.
 */
notCarried?: Array<NotCarried>,
/**
 * ‖μz−μx‖ of the moved rows and the target's mean; absent for the target side.
 */
toTarget?: number,
/**
 * Whether the rows look like those of the fit; absent for the target side.
 */
fits?: {
/**
 * ‖μ_new − μ_fit‖ of the unit rows.
 */
meanShift: number,
/**
 * The root mean square of the shift that sampling alone gives, sqrt(T_fit/n_fit + T_new/n_new) for independent rows.
 */
floor: number,
/**
 * ‖μ_new − μ_fit‖² without what sampling adds.
 */
unbiasedSquared: number,
/**
 * The shift that one in two hundred samples of the fit's distribution exceeds; absent where too few rows tell.
 */
critical?: number,
/**
 * Distance of the moved rows' mean from where the map sends that of the fit's, less what the fit leaves of its own rows.
 */
shiftAfter?: number,
/**
 * What that exceeds in one of two hundred samples.
 */
criticalAfter?: number,
/**
 * T of the new rows.
 */
trace: number,
/**
 * T of the rows of the fit.
 */
storedTrace: number,
/**
 * What follows.
 */
verdict: "fits" | "drifted" | "too-few-rows", },
/**
 * Wall-clock seconds of each part.
 */
seconds: Seconds,
/**
 * Largest resident memory of the process so far; absent where the system does not tell.
 */
peakMemoryBytes?: number, };

/**
 * A transformation.
 */
export type TransformSpec = { threads?: number, side?: 'source' | 'target', resume?: boolean, out: string, dtype?: 'f16' | 'bf16' | 'f32' | 'f64', format?: ReadFormat, sync?: boolean, overwrite?: boolean, };

/**
 * Residuals in U.
 */
export type USideRecord = {
/**
 * κ(Σ_U) over the eigenvalues above the floors.
 */
kappa: number | null,
/**
 * λ₁/λ_m, m = fewest leading eigenvalues with 99.9 % of the trace.
 */
kappaEff: number | null,
/**
 * Positive eigenvalues under a floor.
 */
belowFloor: number,
/**
 * What chance gives.
 */
isotropic: ConditionRecord,
/**
 * Against the gradients; when they were given.
 */
gradient?: {
/**
 * Leading eigencomponents that are compared.
 */
ranks: number,
/**
 * Pearson correlation of the sorted eigenvalues.
 */
rhoEig: number | null,
/**
 * Pearson correlation of the diagonals in the frame's basis.
 */
diagonal: number | null,
/**
 * `rho_eig` with the spectrum of an isotropic sample in the place of Σ_U's: sorted numbers always correlate.
 */
isotropicRhoEig: number | null,
/**
 * Correlation that unrelated diagonals exceed in one of forty cases, 1.96/sqrt(ranks−1).
 */
chance: number | null,
/**
 * `rho_eig` and `diagonal` with random mixtures of the batch's rows in the gradients' place; when the batch was given.
 */
mixtureRhoEig?: number | null,
/**
 * See `mixture_rho_eig`.
 */
mixtureDiagonal?: number | null, }, };

/**
 * Residuals in V.
 */
export type VSideRecord = {
/**
 * dim V.
 */
dim: number,
/**
 * κ(Σ_V) over the eigenvalues above the floors.
 */
kappa: number | null,
/**
 * As for U.
 */
kappaEff: number | null,
/**
 * Positive eigenvalues under a floor.
 */
belowFloor: number,
/**
 * What chance gives.
 */
isotropic: ConditionRecord,
/**
 * Degrees between γ and the leading eigenvector of Σ_V, 0 to 90.
 */
angle: number | null,
/**
 * The same of a random direction.
 */
randomAngle: {
/**
 * 5 %.
 */
p05: number | null,
/**
 * The median.
 */
p50: number | null,
/**
 * 95 %.
 */
p95: number | null, },
/**
 * Length R̄ of the mean unit direction of P_VΔ, without the part that sampling adds to its square; not of a window.
 */
resultant?: number,
/**
 * Concentration κ̂ of these directions, from that length.
 */
vmf?: number | null,
/**
 * κ̂ of as many directions spread evenly, whose mean has length 1/sqrt(n), or more where pairs share items.
 */
isotropicVmf?: number | null, };

// made from the Rust types by `npm run build:types`

/** Options of which each may be left out, but for those that are `Needed`. */
export type Given<T, Needed extends keyof T = never> = { [K in Exclude<keyof T, Needed>]?: Part<T[K]> } & { [K in Needed]-?: Part<T[K]> }

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
 * Distances of a mean from those of a fit.
 */
export type AlignerFit = {
/**
 * From the mean it moves onto.
 */
toTarget: number,
/**
 * From the mean it moves.
 */
toSource: number, };

/**
 * The gaps that an aligner keeps: distances between the means on one set of rows, before and after a fit.
 */
export type AlignerGap = {
/**
 * ‖μx−μy‖ of the unit rows.
 */
before: number,
/**
 * The same after the fit, of the f64 result; absent when it was not measured.
 */
after?: number,
/**
 * How far apart the means of two samples of one distribution are: sqrt(Tx/n + Ty/m).
 */
floor: number,
/**
 * The same on rows that were kept out of the fit.
 */
held?: Omit<AlignerGap, 'held'>, };

/**
 * What a fitted aligner knows about itself; the one metadata entry of its file.
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
 * Columns of the rows it takes and gives.
 */
dim: number,
/**
 * The side that is moved.
 */
source: SideInfo,
/**
 * The side that is imitated.
 */
target: SideInfo,
/**
 * Factor s on the residuals, sqrt(target trace / source trace).
 */
scale: number,
/**
 * Whether results have unit length.
 */
renormalize: boolean,
/**
 * Centroid offsets it applies.
 */
iterations: number,
/**
 * Stages of a map that is more than a scale, a shift and offsets.
 */
stages?: Array<StageInfo>,
/**
 * The gap on the rows of the fit, and on rows kept out of it.
 */
gap: AlignerGap,
/**
 * Whether the target's rows move too, as in centering.
 */
movesTarget: boolean,
/**
 * How rows of the fit belonged together: row by row, or by ids; absent where they did not.
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
 * How a part of the mean difference moves.
 */
export type BiasRecord = {
/**
 * ‖b(t)−b(t0)‖/max(‖b(t0)‖, ε); absent before the frame is frozen.
 */
drift?: number,
/**
 * cos(b(t), b(t−1)) with the step recorded before; absent at the first.
 */
stepCosine?: number | null, };

/**
 * What the gap is made of.
 */
export type Causes = {
/**
 * The frame everything is taken apart in.
 */
frame: FrameReport,
/**
 * The gap taken apart.
 */
decomposition: Decomposition,
/**
 * Spectra of both modalities.
 */
spectrum: ImageText<SpectrumReport>,
/**
 * Their covariances compared.
 */
covariance: CovarianceReport,
/**
 * The paired differences; `paired` only.
 */
residual?: ResidualReport, };

/**
 * How the centroid step is solved.
 */
export type Centroid = "iterate" | "solve";

/**
 * The state of a pass.
 */
export type CollectReport = {
/**
 * What the pass is for.
 */
stage: string,
/**
 * Hash of the parameters of the pass.
 */
params: string,
/**
 * Shards of the pass.
 */
shards: number,
/**
 * Shards, of those asked about, that have a receipt that holds.
 */
done: number,
/**
 * Rows of the pass.
 */
rows: number,
/**
 * Whether every shard asked about is done, once.
 */
whole: boolean,
/**
 * What is not, or was refused.
 */
refused: Array<Refused>, };

/**
 * The state of a pass is asked for.
 */
export type CollectSpec = {
/**
 * The manifest of the pass.
 */
manifest: string,
/**
 * Indices of the shards asked about. @defaultValue all
 */
shards?: readonly number[],
/**
 * What its tasks have printed, compared with their receipts.
 */
results?: readonly TaskReceipt[], };

/**
 * Condition numbers of a covariance of these pairs, which grow with columns over pairs; what no eigenvalue above the floors gives is
 * null.
 */
export type ConditionRecord = {
/**
 * κ: first eigenvalue over the last one that is more than rounding.
 */
kappa: number | null,
/**
 * First eigenvalue over the last of those that hold 99.9 % of the trace.
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
export type ConvertSpec = { threads?: number,
/**
 * Whether passes over shards are worked on elsewhere: one that lacks results ends the job, whose report is then `pending`.
 */
distributed?: boolean, resume?: boolean, out: string, dtype?: 'f16' | 'bf16' | 'f32' | 'f64', format?: ReadFormat, sync?: boolean, overwrite?: boolean, };

/**
 * How far the residuals in V follow those in U linearly, L = `E[ζδᵀ](Σ_U+λI)⁻¹`.
 */
export type CouplingRecord = {
/**
 * ‖L‖₂.
 */
norm: number,
/**
 * Share of the residuals in V, E‖ζ‖², that L explains.
 */
r2: number | null,
/**
 * The ridge λ that both depend on.
 */
lambda: number, };

/**
 * Quarters of the rows of a covariance.
 */
export type CovarianceQuarters = {
/**
 * Whether rows of a group are in one quarter, and the first of each is counted on its own as well.
 */
grouped: boolean,
/**
 * Whether the first row of each group stands for all of them.
 */
oneOfEach: boolean, };

/**
 * How alike the covariances of image and text are.
 */
export type CovarianceReport = {
/**
 * ‖Σx−Σz‖_F/‖Σx‖_F from unbiased estimates of both squares: zero where there is no difference beyond noise; null below 60
 * independent rows.
 */
shape: number | null,
/**
 * The same from plug-in covariances, which differ for two samples of one distribution.
 */
shapeBiased: number,
/**
 * Correlation of the logarithms of the two spectra over their common ranks, .9 for any two that fall; null below two, and where
 * it changes too much from halves of the rows to all of them.
 */
logSpectraCorrelation: number | null,
/**
 * That of the spectra of these rows.
 */
logSpectraCorrelationBiased: number | null,
/**
 * Standard deviation of ln(λx/λz) over the same ranks; null where it changes too much from halves of the rows to all of them, and below
 * eight times that of two halves of the images.
 */
logSpectraDeviation: number | null,
/**
 * That of the spectra of these rows.
 */
logSpectraDeviationBiased: number | null,
/**
 * Fréchet distance of the populations, squared; null where it changes too much from halves of the rows to all of them.
 */
frechet: number | null,
/**
 * That of these rows, divisor n, as papers print it.
 */
frechetBiased: number,
/**
 * Overlap of the q leading directions; q/d for random ones.
 */
overlap: {
/**
 * Numbers of directions.
 */
q: Array<number>,
/**
 * Overlap of each in the populations, ‖UxᵀUz‖²/q; null where it changes too much from halves of the rows to all of them.
 */
o: Array<number | null>,
/**
 * That of these rows.
 */
oBiased: Array<number>,
/**
 * That of random directions, q/d.
 */
chance: Array<number>, },
/**
 * Independent rows a side that would do, by the name of each number that is null for want of them; for `overlap` those of the q
 * that takes most.
 */
needs?: { [key in string]: number },
/**
 * The same numbers between two random halves of the image rows: what sampling alone gives, at half the rows.
 */
halves?: {
/**
 * Rows of the smaller half.
 */
rows: number,
/**
 * Of the plug-in covariances.
 */
shapeBiased: number,
/**
 * Of their spectra.
 */
logSpectraCorrelation: number | null,
/**
 * Of their spectra.
 */
logSpectraDeviation: number | null,
/**
 * Squared.
 */
frechet: number,
/**
 * For each q of `overlap`.
 */
overlap: Array<number>, }, };

/**
 * Rows of a covariance.
 */
export type CovarianceRows = {
/**
 * Whether they are the rows held out, not those of the fit.
 */
held: boolean,
/**
 * How they are sorted into independent quarters; absent where all are counted together.
 */
quarters?: CovarianceQuarters,
/**
 * Whether products are in f32, summed in f64 over short blocks.
 */
single?: boolean, };

/**
 * The gap taken apart, Δ = β + γ + δ + ζ; `pmb`² + `cob`² + `traceU` + `traceV` is E‖Δ‖² of the pairs. What needs pairs
 * is absent without `paired`; what is undefined is null.
 *
 * @see arXiv 2602.07026, section 3
 */
export type Decomposition = {
/**
 * ‖m‖, the distance of the means.
 */
gap: number,
/**
 * ‖β‖, its part in U: principal mean (modality) bias.
 */
pmb: number,
/**
 * ‖γ‖, its part in V: constant (passive) orthogonal bias.
 */
cob: number,
/**
 * Share of the squared gap in V, without the noise of the means, in a frame that the other half of the rows has made or that
 * was given; null where the gap cannot be distinguished from noise, and below `rowsNeeded`.
 */
cobShare?: number | null,
/**
 * Independent rows a side that would do, where `cobShare`, `vmf` or `residual.coverage` is null because halves are too few to
 * make frames for each other, or turn them too much.
 */
rowsNeeded?: number,
/**
 * Trace of the residuals' covariance in U.
 */
traceU?: number,
/**
 * The same in V.
 */
traceV?: number,
/**
 * Condition number of the population's residuals in U; null where it changes too much from halves of the pairs to all of them.
 */
kappaU?: number | null,
/**
 * That of these residuals, over eigenvalues that are more than rounding.
 */
kappaUBiased?: number | null,
/**
 * As `kappaU`, in V.
 */
kappaV?: number | null,
/**
 * As `kappaUBiased`, in V.
 */
kappaVBiased?: number | null,
/**
 * First eigenvalue over the last of those that hold 99.9 % of the trace, in U; null as `kappaU` is.
 */
kappaEffU?: number | null,
/**
 * That of these residuals.
 */
kappaEffUBiased?: number | null,
/**
 * As `kappaEffU`, in V.
 */
kappaEffV?: number | null,
/**
 * As `kappaEffUBiased`, in V.
 */
kappaEffVBiased?: number | null,
/**
 * Independent pairs that would do, by the name of each condition number that is null for want of them.
 */
needs?: { [key in string]: number },
/**
 * Eigenvalues that were rounding only.
 */
belowFloor?: {
/**
 * In U.
 */
u: number,
/**
 * In V.
 */
v: number, },
/**
 * Degrees between γ and the leading direction of the residuals in V.
 */
angleCobV1?: number | null,
/**
 * How far the residuals in V follow those in U linearly: ‖L‖₂, R² and the ridge λ that both depend on.
 */
coupling?: {
/**
 * ‖L‖₂.
 */
norm: number,
/**
 * Share of the residuals in V that L explains.
 */
r2: number | null,
/**
 * The ridge, absolute.
 */
lambda: number,
/**
 * The same of strangers, the mean over three exchanges of partners: what the sample makes by itself.
 */
strangers?: {
/**
 * ‖L‖₂.
 */
norm: number,
/**
 * R².
 */
r2: number,
/**
 * Pairs whose partners were exchanged; where these are a sample, both are scaled to all pairs.
 */
pairs: number,
/**
 * How often.
 */
derangements: number, },
/**
 * (R² − R² of strangers)/(1 − R² of strangers); null where there are too few pairs for the frame.
 */
r2Adjusted?: number | null,
/**
 * Pairs that would do, where there are too few.
 */
pairsNeeded?: number, },
/**
 * What chance gives.
 */
chance?: {
/**
 * Share of a random direction's square that lies in V, dim V/d: beside `cob`²/`gap`².
 */
cobShare: number,
/**
 * Quantiles of the angle of a random direction of V.
 */
angleCobV1: {
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
 * Concentration of as many directions spread evenly, before sampling is taken out.
 */
vmf?: number | null,
/**
 * Condition number of as many isotropic pairs in U.
 */
kappaU?: number | null,
/**
 * The same in V.
 */
kappaV?: number | null, },
/**
 * Von Mises–Fisher concentration of the pairs' directions in V, in a frame of the other half of the rows or one that was
 * given; null below `rowsNeeded`.
 */
vmf?: number | null, };

/**
 * A row drawn in the plane of the two leading principal directions.
 */
export type DrawnRow = {
/**
 * Index in its source; that of the pair when rows are paired.
 */
row: number,
/**
 * Its modality.
 */
modality: 'image' | 'text',
/**
 * Stage of the aligner it was drawn at.
 */
stage: string,
/**
 * First coordinate.
 */
x: number,
/**
 * Second coordinate.
 */
y: number, };

/**
 * The text at a stage of the aligner.
 */
export type DrawnStage = {
/**
 * Such as `original`, `anchor`, `trace`, `centroid`, `final`.
 */
name: string,
/**
 * ‖μx−μ‖ at this stage.
 */
gap: number,
/**
 * Trace of the text at this stage.
 */
trace: number,
/**
 * Its mean in the plane.
 */
centroid: [number, number],
/**
 * The images' mean in the plane.
 */
imageCentroid: [number, number], };

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
column?: number,
/**
 * Name of the sample concerned.
 */
sample?: string, };

/**
 * What a report draws.
 */
export type Figures = {
/**
 * Rows in two dimensions, the same plane for every stage.
 */
projection: {
/**
 * What the plane is.
 */
axes: string,
/**
 * Share of the variance along each axis.
 */
explained: [number, number],
/**
 * The rows.
 */
points: Array<DrawnRow>, },
/**
 * The aligner stage by stage; `original` only without one.
 */
stages: Array<DrawnStage>,
/**
 * Example queries.
 */
neighbours?: Array<ShownQuery>, };

/**
 * What a fit found.
 */
export type FitResult = {
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
 * Method and options of a fit; an option that was not given is absent, and has the documented default.
 */
export type FittedOptions = {
/**
 * How rows are moved.
 */
method: Method,
/**
 * Steps of ReAlign to take; all three by default.
 */
steps?: Array<Step>,
/**
 * How the centroid step finds its offset.
 */
centroid: Centroid,
/**
 * How often the centroid step is applied, once by default; with a tolerance the bound.
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
 * σ of each component of C3's noise, `Math.sqrt(0.016)` by default.
 */
noise?: number,
/**
 * Seed of C3's noise; 0 by default.
 */
noiseSeed?: number,
/**
 * ρ added to the diagonal of covariances before their roots are taken, `1e-6` by default.
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
 * The fixed reference frame: U, where both modalities vary, and its complement V.
 */
export type FrameReport = {
/**
 * Share of the trace of Cov(image)+Cov(text) that U holds.
 */
energy: number,
/**
 * Dimension of U.
 */
rank: number,
/**
 * The frame was made earlier and given.
 */
given?: true,
/**
 * How far the U of these rows, at the same rank, is turned from the given one.
 */
angles?: {
/**
 * Largest principal angle, in degrees.
 */
largest: number,
/**
 * Its sine.
 */
sine: number,
/**
 * Root mean square of the sines.
 */
rms: number, }, };

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
 * The gap between two modalities and what it is made of.
 */
export type GapResult = {
/**
 * Columns.
 */
dim: number,
/**
 * Rows measured.
 */
rows: ImageText<number>,
/**
 * Bad rows left out.
 */
dropped: ImageText<number>,
/**
 * Rows that belong together, and are not independent; absent where every row is its own.
 */
groups?: GroupsReport,
/**
 * Lengths of the rows as they are stored.
 */
norms: ImageText<Norms>,
/**
 * Distances between the modalities.
 */
gap: {
/**
 * ‖μx−μy‖ without the aligner, when one was given.
 */
before?: number,
/**
 * ‖μx−μz‖ with it.
 */
after?: number,
/**
 * ‖μx−μy‖ of the unit rows.
 */
centroid: number,
/**
 * Cosine of the means of the populations; null where the noise of a mean is more than .04 of its square, and on the rows of the
 * aligner's fit.
 */
cosine: number | null,
/**
 * That of these two means; null when one has length zero.
 */
cosineBiased: number | null,
/**
 * Independent rows a side that would do, where `cosine` is null for want of them.
 */
cosineNeeds?: number,
/**
 * The same of this very aligner, whose fit is taken for given: what it leaves on rows like these.
 */
ofAligner?: JudgedGap,
/**
 * Rows of the few groups that make most of the noise; the verdict (with an aligner that of `ofAligner`) is that of the other rows,
 * and there is no interval.
 */
leftOut?: ImageText<number>,
/**
 * Mean distance of the pairs; `paired` only.
 */
pairedDistance?: number,
/**
 * Relative modality gap (Schrodi et al. 2025); `paired` only.
 */
rmg?: number,
/**
 * The squared gap without the part that sampling adds; negative when the gap is below the noise. With an aligner that was fitted
 * on other rows the noise of its fit is taken out as well.
 */
unbiasedSquared: number,
/**
 * Root mean square of the distance that two samples of one distribution show, the noise of the fit included.
 */
floor: number,
/**
 * 95 % interval of `unbiasedSquared`; null in sample, where it would mean nothing; absent without covariances.
 */
interval?: [number, number] | null,
/**
 * Standard deviation of `unbiasedSquared` where there is no gap; absent without covariances.
 */
nullDeviation?: number,
/**
 * Whether the gap is real: without one, a sample is called so in 5 % of cases.
 */
verdict: GapVerdict, },
/**
 * Trace of the covariance, E‖e−μ‖² of the unit rows.
 */
trace: ImageText<number>,
/**
 * sqrt(image trace / text trace).
 */
scale: number,
/**
 * What the sphere projection would do to the mean of anchored and scaled text.
 */
phantomDrift?: PhantomDrift,
/**
 * Distances of these rows' means, before the aligner, from those of its fit.
 */
alignerFit?: ImageText<AlignerFit>,
/**
 * The aligner was fitted on these very rows: the gap lies below its floor whatever the method.
 */
inSample?: true,
/**
 * The rows were held out from the aligner's fit, whose noise the floor holds as well.
 */
held?: true,
/**
 * What was taken from a sample rather than from all rows.
 */
sampled?: { [key in string]: Sampled },
/**
 * Neighbours of rows.
 */
neighbours?: NeighboursReport,
/**
 * Retrieval of partners; `paired` only.
 */
retrieval?: RetrievalReport,
/**
 * Cosines among rows.
 */
similarity?: SimilarityReport,
/**
 * What the aligner keeps; with an aligner only.
 */
preservation?: PreservationReport,
/**
 * What a report draws.
 */
figures?: Figures, };

/**
 * What is concluded of a gap beside its noise.
 */
export type GapVerdict = "real" | "noise" | "not-tested" | "in-sample";

/**
 * How rows belong together. Hold-outs, halves, noise and ranks are those of groups.
 */
export type GroupsReport = {
/**
 * Known by ids, or by rows that are equal bit for bit.
 */
by: 'ids' | 'equal-rows',
/**
 * Where the ids come from.
 */
from?: string,
/**
 * Groups of the image rows.
 */
image: number,
/**
 * Groups of the text rows.
 */
text: number,
/**
 * Groups with rows on both sides; absent where the sides share none.
 */
both?: number,
/**
 * Rows that repeat another of their group bit for bit: one item, counted once; absent without ids.
 */
repeated?: ImageText<number>,
/**
 * Pairs that the groups make; absent where row i belongs to row i.
 */
pairs?: number, };

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
 * A value for either modality.
 */
export type ImageText<T = number> = {
/**
 * Of the image rows.
 */
image: T,
/**
 * Of the text rows.
 */
text: T, };

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
export type InspectSpec = { threads?: number,
/**
 * Whether passes over shards are worked on elsewhere: one that lacks results ends the job, whose report is then `pending`.
 */
distributed?: boolean, work?: string, resume?: boolean, badRows?: number, };

/**
 * A job to run; a key that its kind does not have is refused.
 */
export type Job = {
/**
 * Which of these it is.
 */
kind: "fit" } & FitSpec & Given<FittedOptions> | {
/**
 * Which of these it is.
 */
kind: "align" } & AlignSpec & Given<FittedOptions> | {
/**
 * Which of these it is.
 */
kind: "transform" } & TransformSpec | {
/**
 * Which of these it is.
 */
kind: "measure" } & MeasureSpec | {
/**
 * Which of these it is.
 */
kind: "convert" } & ConvertSpec | {
/**
 * Which of these it is.
 */
kind: "inspect" } & InspectSpec | {
/**
 * Which of these it is.
 */
kind: "task" } & ShardTask | {
/**
 * Which of these it is.
 */
kind: "collect" } & CollectSpec;

/**
 * A squared gap judged against its noise.
 */
export type JudgedGap = {
/**
 * The squared gap without the part that sampling adds; negative when the gap is below the noise. With an aligner that was fitted
 * on other rows the noise of its fit is taken out as well.
 */
unbiasedSquared: number,
/**
 * Root mean square of the distance that two samples of one distribution show, the noise of the fit included.
 */
floor: number,
/**
 * 95 % interval of `unbiasedSquared`; null in sample, where it would mean nothing; absent without covariances.
 */
interval?: [number, number] | null,
/**
 * Standard deviation of `unbiasedSquared` where there is no gap; absent without covariances.
 */
nullDeviation?: number,
/**
 * Whether the gap is real: without one, a sample is called so in 5 % of cases.
 */
verdict: GapVerdict, };

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
 * One pass over the shards of a source: what each task of it is run from.
 */
export type Manifest = {
/**
 * Version of this layout.
 */
version: number,
/**
 * What is done with each shard.
 */
kind: PassKind,
/**
 * What the pass is for, such as `moments image`.
 */
stage: string,
/**
 * Hash of everything but the shards that the results depend on; receipts repeat it.
 */
params: string,
/**
 * Columns.
 */
dim: number,
/**
 * Rows of all shards.
 */
rows: number,
/**
 * Sum modulo 2^128 of the XXH3-128 of (index, file, rows) of each shard, in hexadecimal.
 */
sum: string,
/**
 * What to do with bad rows.
 */
onBadRow: OnBadRow,
/**
 * Whether rows are scaled to unit length. @defaultValue `true`
 */
normalize?: boolean,
/**
 * File of the map that the rows go through.
 */
map: string,
/**
 * Rows held out.
 */
split: Split,
/**
 * What is counted of the others.
 */
subset: Sample,
/**
 * Rows left out, by their index in the whole source.
 */
exclude?: Array<number>,
/**
 * File of the group of each row, four bytes each, little-endian.
 */
groups?: string,
/**
 * Whether a hash of each row is kept.
 */
hashed: boolean,
/**
 * How many bad rows of each shard an inspection names.
 */
named?: number,
/**
 * Which rows a covariance counts.
 */
covariance?: CovarianceRows,
/**
 * File of the vector that a covariance is counted about, eight bytes a component, little-endian.
 */
center?: string,
/**
 * Whether outputs are flushed to the disk before they get their name. @defaultValue `true`
 */
sync?: boolean,
/**
 * Where states and receipts are kept, in a folder named by `params`.
 */
folder: string,
/**
 * The shards, in order.
 */
shards: Array<ManifestShard>, };

/**
 * Where a shard's output goes, and what it is.
 */
export type ManifestOutput = {
/**
 * The file.
 */
path: string,
/**
 * Its container.
 */
format: string,
/**
 * Storage type of its components.
 */
dtype: string, };

/**
 * A shard of a manifest.
 */
export type ManifestShard = {
/**
 * Storage type of its components.
 */
dtype: string,
/**
 * How several states of a row become one.
 */
pool?: string,
/**
 * Where its output goes; absent where a pass writes none.
 */
output?: ManifestOutput,
/**
 * Rows that the output leaves out, by their index in the shard.
 */
dropped?: Array<number>,
/**
 * File of the shard.
 */
path: string,
/**
 * Part of the file, if one was named.
 */
selector?: string,
/**
 * What the file does not say of its rows: columns and storage type of plain bytes, how states become one.
 */
readAs?: string,
/**
 * Rows in it.
 */
rows: number,
/**
 * Bytes of the file.
 */
bytes: number,
/**
 * Time of its last change, in nanoseconds since 1970.
 */
modified: number,
/**
 * What a store of objects calls its content.
 */
tag?: string, };

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
export type MeasureSpec = { threads?: number,
/**
 * Whether passes over shards are worked on elsewhere: one that lacks results ends the job, whose report is then `pending`.
 */
distributed?: boolean, work?: string, resume?: boolean, paired?: boolean, holdout?: number, seed?: number, energy?: number, rank?: number, alphaRanks?: number, lambda?: number, frame?: string, saveFrame?: string,
/**
 * Whether `saveFrame` may replace a file.
 */
overwrite?: boolean, parts?: readonly MeasurePart[], exact?: boolean, figures?: boolean, outcomes?: boolean, covarianceRows?: number, judged?: boolean, };

/**
 * How the source rows are moved onto the target's distribution.
 */
export type Method = "realign" | "mean-shift" | "centering" | "c3" | "bca" | "procrustes" | "bures" | "aniso-init" | "none";

/**
 * What is measured beside the gap itself; absent when it was not asked for.
 */
export type Metrics = {
/**
 * Neighbours of rows.
 */
neighbours?: NeighboursReport,
/**
 * Retrieval of partners; `paired` only.
 */
retrieval?: RetrievalReport,
/**
 * Cosines among rows.
 */
similarity?: SimilarityReport,
/**
 * What the aligner keeps; with an aligner only.
 */
preservation?: PreservationReport,
/**
 * What a report draws.
 */
figures?: Figures, };

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
 * Neighbours by cosine; a row is not a neighbour of itself, ties go to the lower index.
 */
export type NeighboursReport = {
/**
 * Neighbours of retention and hubness.
 */
k: number,
/**
 * Mean share of a text row's neighbours among the text before the aligner that are its neighbours after it.
 */
retention?: number,
/**
 * The neighbours of all rows put together, where a row's own partner counts as the other modality.
 */
mixing: {
/**
 * Neighbours looked at.
 */
k: number,
/**
 * Share of them that belong to the other modality, over all rows.
 */
all: number,
/**
 * Directional mixing of the images: mean entropy of the modalities among their neighbours over what permuted labels would give
 * (arXiv 2605.07825); null when a modality has no choice.
 */
image: number | null,
/**
 * The same of the texts.
 */
text: number | null,
/**
 * Share of the other modality among the neighbours of each side's rows.
 */
shares: ImageText<number>,
/**
 * `all` where the labels of the rows are permuted.
 */
chance: number, },
/**
 * Share of rows that have a double among their own kind, equal to rounding.
 */
duplicates: ImageText<number>,
/**
 * Skewness of how often a row is among the nearest: image for image, text for text, image for text.
 */
hubness: {
/**
 * Of the image rows.
 */
image: number,
/**
 * Of the text rows.
 */
text: number,
/**
 * Images among the nearest of texts.
 */
textToImage: number,
/**
 * The same where every row is equally likely to be among the nearest.
 */
chance: {
/**
 * Of the image rows.
 */
image: number,
/**
 * Of the text rows.
 */
text: number,
/**
 * Images among the nearest of texts.
 */
textToImage: number, }, }, };

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
 * What a pass does with each shard.
 */
export type PassKind = "moments" | "inspect" | "covariance" | "transform";

/**
 * What a task says of one shard.
 */
export type PassedShard = {
/**
 * Index of the shard.
 */
shard: number,
/**
 * The file read.
 */
file: string,
/**
 * Rows counted or written.
 */
rows: number,
/**
 * Bad rows and others left out.
 */
dropped: number,
/**
 * Hash of the result, as the receipt has it.
 */
hash: string, };

/**
 * A pass that waits for tasks to be run elsewhere.
 */
export type PendingPass = {
/**
 * What the pass is for.
 */
stage: string,
/**
 * The manifest, which tasks are run from.
 */
manifest: string,
/**
 * Hash of the parameters of the pass.
 */
params: string,
/**
 * Shards of the pass.
 */
shards: number,
/**
 * Rows of the pass.
 */
rows: number,
/**
 * Rows of the shards that are still to be worked on.
 */
missing: number,
/**
 * Those shards.
 */
refused: Array<Refused>, };

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
 * How the states of a row become one.
 */
export type Pool = "mean" | "first" | "last";

/**
 * How a frozen language model is computed.
 */
export type Precision = "bf16" | "f32";

/**
 * What an aligner keeps of the text's own geometry.
 */
export type PreservationReport = {
/**
 * Mean y·z of a row before and after; a cosine where both have unit length.
 */
phi: number,
/**
 * Correlation of pairwise cosines before and after; null where nothing varies.
 */
psi: number | null,
/**
 * Retention of the ten nearest neighbours.
 */
omega: number | null, };

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
 * What every query of one side found: its group, and whether one of its partners came first.
 */
export type QueryOutcomes = {
/**
 * Group of each query.
 */
keys: Array<number>,
/**
 * 1 where a partner came first, otherwise 0.
 */
found: Array<number>, };

/**
 * Container formats.
 */
export type ReadFormat = "npy" | "npz" | "parquet" | "arrow" | "safetensors" | "pickle" | "jsonl" | "fvecs" | "json" | "csv" | "torch" | "tar" | "raw";

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
label?: string,
/**
 * Columns of plain bytes.
 */
dim?: number,
/**
 * Storage type of plain bytes.
 */
dtype?: 'f16' | 'bf16' | 'f32' | 'f64',
/**
 * How the states of a row become one, where it has several.
 */
pool?: Pool, };

/**
 * How often the right answer is among the first k, and the mean of 1/rank.
 */
export type Recall = {
/**
 * Share of queries whose partner is found first.
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
 * [`Recall`] of rows in random order.
 */
export type RecallByChance = {
/**
 * Share of queries whose partner is found first.
 */
r1: number,
/**
 * Among the first five.
 */
r5: number,
/**
 * Among the first ten.
 */
r10: number, };

/**
 * Share of queries whose partner is the nearest row, and is among the five nearest.
 */
export type RecallRecord = {
/**
 * Recall at 1.
 */
r1: number,
/**
 * Recall at 5.
 */
r5: number, };

/**
 * A shard whose result cannot be used yet.
 */
export type Refused = {
/**
 * Index of the shard.
 */
shard: number,
/**
 * Its file.
 */
file: string,
/**
 * Why.
 */
reason: string, };

/**
 * The report of each kind of job.
 */
export type Reports = {
/**
 * What a fit found.
 */
fit: FitResult,
/**
 * The same, with the files written.
 */
align: FitResult,
/**
 * What a transformation found.
 */
transform: TransformReport,
/**
 * What a measurement found.
 */
measure: GapResult & Partial<Causes>,
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
task: TaskReceipt,
/**
 * The state of a pass.
 */
collect: CollectReport, };

/**
 * The covariance of the paired differences.
 */
export type ResidualReport = {
/**
 * Its trace.
 */
trace: number,
/**
 * Largest eigenvalue over the mean one.
 */
anisotropy: number,
/**
 * Trace over the mean squared distance of the pairs.
 */
ratio: number,
/**
 * Share of the trace in U, in a frame that the other half of the rows has made or that was given; null below
 * `decomposition.rowsNeeded`.
 */
coverage: number | null,
/**
 * The same in the frame of these very rows, where it is the energy threshold by construction.
 */
coverageBiased: number,
/**
 * (Σλ)²/Σλ² of the population, from unbiased estimates; null where the pairs are too few to tell.
 */
effectiveDimension: number | null,
/**
 * The same of the eigenvalues of these pairs.
 */
effectiveDimensionBiased: number,
/**
 * Share of the K leading eigenvalues.
 */
energy: {
/**
 * Numbers of eigenvalues.
 */
k: Array<number>,
/**
 * Share of each.
 */
share: Array<number>, }, };

/**
 * Recall of rows in random order.
 */
export type RetrievalChanceRecord = {
/**
 * Images ask, texts answer.
 */
imageToText: RecallRecord,
/**
 * Texts ask, images answer.
 */
textToImage: RecallRecord, };

/**
 * Retrieval of partners, by cosine. Every row of the query's group is one: the rank is that of the nearest, after the rows of
 * other groups that are nearer, or as near with a lower index.
 */
export type RetrievalReport = {
/**
 * Text asks for its image.
 */
textToImage: Recall,
/**
 * Image asks for its text.
 */
imageToText: Recall,
/**
 * Both, of rows in random order.
 */
chance: {
/**
 * Text asks for its image.
 */
textToImage: RecallByChance,
/**
 * Image asks for its text.
 */
imageToText: RecallByChance, },
/**
 * Text asks a corpus of images and texts.
 */
mixed: {
/**
 * Results looked at.
 */
k: number,
/**
 * Share of images among them.
 */
imageShare: number, },
/**
 * The result of every query, where it was asked for.
 */
outcomes?: {
/**
 * Of the texts.
 */
textToImage: QueryOutcomes,
/**
 * Of the images.
 */
imageToText: QueryOutcomes, }, };

/**
 * A share of the rows, chosen by a hash of their index; all of them where there are few.
 */
export type Sample = {
/**
 * Share of the rows.
 */
share: number,
/**
 * Seed of the hash.
 */
seed: number, };

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
 * What was taken from a sample rather than from all rows.
 */
export type Sampled = {
/**
 * Rows of the sample.
 */
size: number,
/**
 * Seed of the choice.
 */
seed: number, };

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
export type ShardTask = { spec: TaskSpec, };

/**
 * A row near a query.
 */
export type ShownNeighbour = {
/**
 * Its index.
 */
row: number,
/**
 * Its modality.
 */
modality: 'image' | 'text',
/**
 * Its cosine.
 */
cosine: number, };

/**
 * A query with its nearest rows in both modalities put together, nearest first.
 */
export type ShownQuery = {
/**
 * Index of the query.
 */
query: number,
/**
 * Its modality.
 */
queryModality: 'image' | 'text',
/**
 * Its neighbours, where there is no aligner.
 */
neighbours?: Array<ShownNeighbour>,
/**
 * Its neighbours before the aligner.
 */
before?: Array<ShownNeighbour>,
/**
 * Its neighbours after it.
 */
after?: Array<ShownNeighbour>, };

/**
 * What an aligner keeps of one side of its fit.
 */
export type SideInfo = {
/**
 * Name of the side, such as `'image'`.
 */
name: string,
/**
 * Rows that were fitted.
 */
rows: number,
/**
 * Trace of the covariance, E‖e−μ‖² of the unit rows.
 */
trace: number,
/**
 * Items that the rows are of, where several are of one.
 */
groups?: number, };

/**
 * Cosines among rows.
 */
export type SimilarityReport = {
/**
 * Jensen–Shannon divergence, in nats, of the populations of each pair of histograms, such as `'cross/imageImage'`; null where
 * sampling adds too much.
 */
js: { [key in string]: number | null },
/**
 * That of the histograms of these rows.
 */
jsBiased: { [key in string]: number },
/**
 * Independent rows a side that would do, by the name of each divergence that is null.
 */
jsNeeds?: { [key in string]: number },
/**
 * What sampling gives by itself: between two halves of the image rows, of `rows` each, the cosines across against those within one
 * (`'cross/one'`) and those within one against those within the other (`'one/other'`); and as many strangers as there are pairs
 * against all cosines of strangers (`'paired/cross'`).
 */
jsChance: { [key in string]: number },
/**
 * Shares of cosines in equal bins on [−1, 1].
 */
histograms: {
/**
 * Number of bins.
 */
bins: number,
/**
 * Of pairs.
 */
paired?: Array<number>,
/**
 * Of images with texts, partners left out.
 */
cross: Array<number>,
/**
 * Among images.
 */
imageImage: Array<number>,
/**
 * Among texts.
 */
textText: Array<number>, },
/**
 * Mean squared distance of pairs.
 */
alignment?: number,
/**
 * ln E exp(−2‖u−v‖²) (Wang and Isola 2020); null below 20 independent rows.
 */
uniformity: ImageText<number | null>,
/**
 * Linear centred kernel alignment of the pairs, from unbiased squares; null where a side does not vary, and below 60 independent
 * pairs.
 */
cka?: number | null,
/**
 * The same from plug-in squares, as papers print it: strangers reach .9 with fewer rows than columns.
 */
ckaBiased?: number | null,
/**
 * Accuracy of a logistic regression that tells the modalities apart, on rows it has not seen; ½ when mixed. Null on the rows of
 * the aligner's fit, whose halves have opposite errors.
 */
separability: number | null, };

/**
 * The eigenvalues of one modality's covariance.
 */
export type SpectrumReport = {
/**
 * Exponent of the power law λ_k ∝ k^−α of the population; null where it changes too much from halves of the rows to all of
 * them, and below two ranks.
 */
alpha: number | null,
/**
 * That of the eigenvalues of these rows.
 */
alphaBiased: number | null,
/**
 * First and last rank of its fit.
 */
alphaRange: [number, number],
/**
 * exp of the entropy of λ/Σλ of the population; null where it changes too much from halves of the rows to all of them.
 */
effectiveRank: number | null,
/**
 * That of the eigenvalues of these rows.
 */
effectiveRankBiased: number | null,
/**
 * (Σλ)²/Σλ² of the population, from unbiased estimates; null below 60 independent rows, or where they cannot tell.
 */
participationRatio: number | null,
/**
 * The same of the eigenvalues of these rows, which is below n − 1 whatever the population.
 */
participationRatioBiased: number | null,
/**
 * Eigenvalues above rounding, that of the stored rows included.
 */
rank: number,
/**
 * Condition number of the population; null where it changes too much from halves of the rows to all of them.
 */
kappa: number | null,
/**
 * That of these rows, over eigenvalues that are more than rounding of the stored rows.
 */
kappaBiased: number | null,
/**
 * First eigenvalue over the last of those that hold 99.9 % of the trace; null as `kappa` is.
 */
kappaEff: number | null,
/**
 * That of these rows.
 */
kappaEffBiased: number | null,
/**
 * Independent rows that would do, by the name of each number that is null for want of them.
 */
needs?: { [key in string]: number },
/**
 * Eigenvalues that were rounding only.
 */
belowFloor: number,
/**
 * What chance gives.
 */
chance: {
/**
 * Condition number of as many isotropic rows.
 */
kappa: number | null, },
/**
 * All eigenvalues, descending.
 */
eigenvalues: Array<number>, };

/**
 * Which rows a fit does not see.
 */
export type Split = {
/**
 * Share of the rows that is held out, 0 to 1.
 */
holdout: number,
/**
 * Seed of the hash.
 */
seed: number, };

/**
 * One stage as the metadata tells it; vectors and matrices stand in the tensors `stages.N…`.
 */
export type StageInfo = {
/**
 * Which of these it is.
 */
kind: "scale",
/**
 * The factor.
 */
factor: number, } | {
/**
 * Which of these it is.
 */
kind: "add" } | {
/**
 * Which of these it is.
 */
kind: "sphere" } | {
/**
 * Which of these it is.
 */
kind: "linear" } | {
/**
 * Which of these it is.
 */
kind: "noise",
/**
 * σ of each component.
 */
sigma: number,
/**
 * Seed, below 2⁵³.
 */
seed: number, } | {
/**
 * Which of these it is.
 */
kind: "polar",
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
 * What a finished shard task says of itself.
 */
export type TaskReceipt = {
/**
 * Which of these it is.
 */
task: "moments",
/**
 * Version of the description it was run from.
 */
version: number,
/**
 * The file that was read.
 */
shard: string,
/**
 * Rows counted.
 */
rows: number,
/**
 * Bad rows left out.
 */
dropped: number,
/**
 * The file written.
 */
output: string,
/**
 * Its bytes.
 */
bytes: number,
/**
 * XXH3-128 of its bytes, in hexadecimal.
 */
hash: string, } | {
/**
 * Which of these it is.
 */
task: "transform",
/**
 * Version of the description it was run from.
 */
version: number,
/**
 * The file that was read.
 */
shard: string,
/**
 * Rows written.
 */
rows: number,
/**
 * Bad rows left out, by their index in the shard.
 */
dropped: Array<number>,
/**
 * The file written.
 */
output: string,
/**
 * What stood beside the rows and was not carried along; absent where all was.
 */
notCarried?: Array<NotCarried>, } | {
/**
 * Which of these it is.
 */
task: "merge",
/**
 * Version of the description it was run from.
 */
version: number,
/**
 * How many states were merged.
 */
states: number,
/**
 * Rows that they count together.
 */
rows: number,
/**
 * The file written.
 */
output: string,
/**
 * Its bytes.
 */
bytes: number,
/**
 * XXH3-128 of its bytes, in hexadecimal.
 */
hash: string, } | {
/**
 * Which of these it is.
 */
task: "pass",
/**
 * Version of the description it was run from.
 */
version: number,
/**
 * The manifest of the pass.
 */
manifest: string,
/**
 * Hash of the parameters of the pass.
 */
params: string,
/**
 * The shards.
 */
shards: Array<PassedShard>,
/**
 * Whether it ended early, for another task has failed for good.
 */
stopped: boolean, };

/**
 * One file of rows, or one part of a file.
 */
export type TaskShard = {
/**
 * The file.
 */
path: string,
/**
 * The column, tensor, key or leading index to take.
 */
selector?: string,
/**
 * How several states of a row become one. @defaultValue such shards are refused
 */
pool?: Pool, };

/**
 * A shard task: a pure function of one shard and small parameters.
 */
export type TaskSpec = {
/**
 * Which of these it is.
 */
task: "moments",
/**
 * Version of this description.
 */
version: 1,
/**
 * The rows to count.
 */
shard: TaskShard,
/**
 * Aligner file whose map the rows go through first.
 */
through?: string,
/**
 * Whether rows are scaled to unit length. @defaultValue `true`
 */
normalize?: boolean,
/**
 * What to do with bad rows. @defaultValue `'error'`
 */
onBadRow?: OnBadRow,
/**
 * File of the state.
 */
out: string, } | {
/**
 * Which of these it is.
 */
task: "transform",
/**
 * Version of this description.
 */
version: 1,
/**
 * The rows to move.
 */
shard: TaskShard,
/**
 * Aligner file.
 */
aligner: string,
/**
 * What to do with bad rows. @defaultValue `'error'`
 */
onBadRow?: OnBadRow,
/**
 * Storage type of the output. @defaultValue that of the input
 */
dtype?: 'f16' | 'bf16' | 'f32' | 'f64',
/**
 * Container of the output. @defaultValue that of the input
 */
format?: ReadFormat,
/**
 * Folder of the output.
 */
out: string, } | {
/**
 * Which of these it is.
 */
task: "merge",
/**
 * Version of this description.
 */
version: 1,
/**
 * Files of the states, in shard order.
 */
states: readonly string[],
/**
 * File of the merged state.
 */
out: string, } | {
/**
 * Which of these it is.
 */
task: "pass",
/**
 * Version of this description.
 */
version: 1,
/**
 * The manifest of the pass.
 */
manifest: string,
/**
 * Indices of the shards.
 */
shards: readonly number[],
/**
 * A file that ends tasks which find it; it is written when a shard fails for good.
 */
stop?: string, };

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
 * What a tracker records at a step, and one line of its log. What needs something that was not given is absent; what is
 * undefined is null. Angles are in degrees.
 *
 * @see arXiv 2602.07026, sections 3 and 4, appendices B and C
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
 * Pairs that share an item, such as the captions of one image; absent where each pair is its own, and in older logs.
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
 * Share of the trace of Cov(image)+Cov(text) that U held when it was estimated.
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
 * The gap of the pairs beside its noise.
 */
gap: {
/**
 * ‖m‖, the distance of the means.
 */
centroid: number,
/**
 * Cosine of the means.
 */
cosine: number | null,
/**
 * ‖m‖² − tr Σ/n, without the part that sampling adds.
 */
unbiasedSquared: number,
/**
 * Its 95 % interval.
 */
interval: [number, number],
/**
 * sqrt(tr Σ/n): how far apart the means would be by sampling only.
 */
floor: number,
/**
 * Whether the gap is real; absent in older logs.
 */
verdict?: Exclude<GapVerdict, 'in-sample'>,
/**
 * E‖Δ‖, the mean distance of the pairs.
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
 * E‖Δ‖² = `pmb`² + `cob`² + `traceU` + `traceV`.
 */
decomposition: {
/**
 * ‖β‖, the mean difference in U.
 */
pmb: number,
/**
 * ‖γ‖, the mean difference in V.
 */
cob: number,
/**
 * tr Σ_U, the spread of the differences in U.
 */
traceU: number,
/**
 * tr Σ_V, the spread of the differences in V.
 */
traceV: number, },
/**
 * U estimated at this step against the frozen one; absent before it is frozen.
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
 * `rmsSine` of a random subspace, sqrt(dim V/d).
 */
random: number, },
/**
 * How the residuals in V follow those in U.
 */
coupling: CouplingRecord,
/**
 * Root mean square share of gradient energy in V; absent without gradients.
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
 * The same of random mixtures of the batch's rows, sqrt(tr(P_VΣ_t)/tr Σ_t); absent without a batch, and in older logs.
 */
mixture?: number,
/**
 * sinθ(Ut,U) + ‖L‖₂, which the paper calls a bound of `leak`; absent before the frame is frozen.
 */
bound?: number,
/**
 * `leak` − `bound`: above zero, the remainder ρ that the bound needs to hold.
 */
remainder?: number | null, },
/**
 * γ, the mean difference in V.
 */
passive: BiasRecord,
/**
 * β, the mean difference in U, to compare with.
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
 * Search among the probe pairs; absent for `retrievalPairs: 0`.
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
textToImage: RecallRecord,
/**
 * Both, of rows in random order; absent in older logs.
 */
chance?: RetrievalChanceRecord, },
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
 * Length of its prediction −(I−aaᵀ)Σc/R³, with Σ the covariance of the moved text and c = μx − s·μy.
 */
predictedTangential: number,
/**
 * Cosine of both tangential parts.
 */
cosine: number | null,
/**
 * Length of the predicted drift less the measured one, relative to the measured one; absent in older logs.
 */
error?: number,
/**
 * √(cᵀΣc)/R², the parameter that the prediction is an expansion in; absent in older logs.
 */
parameter?: number,
/**
 * Root mean square of the tangential part that sampling gives by itself; absent in older logs.
 */
noise?: number, },
/**
 * Gradients against the span of the batch's embeddings; absent without a batch.
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
 * Means of the per-step covariances of the window that this step completes.
 */
window?: {
/**
 * First step of the window; the last is that of the record.
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
 * How the residuals in V follow those in U.
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
 * Distance of the new rows' mean from the stored one, ‖μ_new − μ_fit‖ of the unit rows.
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
 * The distance that one in two hundred samples of the fit's distribution exceeds; absent for too few rows.
 */
critical?: number,
/**
 * Distance of the moved mean from where the fit's own rows come to stand; absent where the fit was not verified.
 */
shiftAfter?: number,
/**
 * What that exceeds in one of two hundred samples.
 */
criticalAfter?: number,
/**
 * Trace of the new rows.
 */
trace: number,
/**
 * Trace of the rows of the fit.
 */
storedTrace: number,
/**
 * `'drifted'` when either distance exceeds what one in two hundred samples shows.
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
export type TransformSpec = { threads?: number,
/**
 * Whether passes over shards are worked on elsewhere: one that lacks results ends the job, whose report is then `pending`.
 */
distributed?: boolean, side?: 'source' | 'target', resume?: boolean, out: string, dtype?: 'f16' | 'bf16' | 'f32' | 'f64', format?: ReadFormat, sync?: boolean, overwrite?: boolean, };

/**
 * Residuals in U, where both modalities vary.
 */
export type USideRecord = {
/**
 * κ(Σ_U) over the eigenvalues above the floors.
 */
kappa: number | null,
/**
 * λ₁/λ_m, m the fewest leading eigenvalues with 99.9 % of the trace.
 */
kappaEff: number | null,
/**
 * Positive eigenvalues under a floor.
 */
belowFloor: number,
/**
 * The same of an isotropic sample of as many rows in as many dimensions; where pairs share items, its rows share them too and
 * have as much of their variance in common.
 */
isotropic: ConditionRecord,
/**
 * Against the covariance of the gradients in U; absent without gradients.
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
 * `rhoEig` with the spectrum of an isotropic sample in the place of Σ_U's: sorted numbers always correlate.
 */
isotropicRhoEig: number | null,
/**
 * Correlation that unrelated diagonals exceed in one of forty cases, 1.96/sqrt(ranks−1).
 */
chance: number | null,
/**
 * `rhoEig` with random mixtures of the batch in the gradients' place; absent without a batch, and in older logs.
 */
mixtureRhoEig?: number | null,
/**
 * `diagonal` with them; absent as `mixtureRhoEig`.
 */
mixtureDiagonal?: number | null, }, };

/**
 * Residuals in V, the complement of U.
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
 * As in U.
 */
kappaEff: number | null,
/**
 * Positive eigenvalues under a floor.
 */
belowFloor: number,
/**
 * The same of an isotropic sample, as in U.
 */
isotropic: ConditionRecord,
/**
 * Degrees between γ and the leading eigenvector of Σ_V, 0 to 90.
 */
angle: number | null,
/**
 * Quantiles of the same angle for a random direction.
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
 * Length R̄ of the mean unit direction of P_VΔ, without the part that sampling adds to its square; not of a window,
 * and absent in older logs.
 */
resultant?: number,
/**
 * Von Mises–Fisher concentration κ̂ of these directions, from that length.
 */
vmf?: number | null,
/**
 * κ̂ of as many directions spread evenly, whose mean has length 1/sqrt(n), or more where pairs share items.
 */
isotropicVmf?: number | null, };

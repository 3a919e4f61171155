import type { Command } from 'commander'
import type { ReVision, ReVisionRunOptions } from '../revision/run.ts'
import { addExport, addGenerate } from './revision-ask.ts'
import { addConfigCommand, type ConfigFlags, openRun, overridesOf, warn } from './revision-options.ts'
import { shownRuns, shownTraining } from './revision-progress.ts'
import { commandLine, perform, type Result, resumeCommand } from './session.ts'

export function addRevision(program: Command): void {
  const group = program
    .command('revision')
    .description('multimodal language models trained from text: pretrain, tune, ask, compare')
  addTraining(group, 'run', 'both stages, evaluation and the gap on its way into the model', async (revision, run) => {
    const { runText } = await import('./revision-table.ts')
    const report = await revision.run(run)
    return { report, text: runText(report, revision.config.output) }
  })
  addTraining(group, 'pretrain', 'stage 1 alone: the projector learns from text embeddings', async (revision, run) => {
    const { stagesText } = await import('./revision-table.ts')
    const report = await revision.pretrain(run)
    return { report, text: stagesText({ stage1: report }) }
  })
  addTraining(group, 'finetune', 'stage 2 alone: instructions on real images', async (revision, run) => {
    const { stagesText } = await import('./revision-table.ts')
    const report = await revision.finetune(run)
    return { report, text: stagesText({ stage2: report }) }
  })
  addEvaluate(group)
  addCompare(group)
  addGenerate(group)
  addExport(group)
}

type Work = (revision: ReVision, run: ReVisionRunOptions) => Promise<Result>

/** A command that trains: it shows how far it is, and leaves a checkpoint when it is interrupted. */
function addTraining(group: Command, name: string, description: string, work: Work): void {
  addConfigCommand(group, name, description)
    .option('--resume', 'continue from the newest checkpoint in the output')
    .option('--overwrite', 'begin anew where the output holds another run, which is removed')
    .action((config: string, flags: ConfigFlags) =>
      perform({ json: flags.json, ...kept(resumeCommand()) }, async (run, bar) => {
        const revision = await openRun(config, flags)
        return await work(revision, { ...run, callbacks: shownTraining(bar) })
      }),
    )
}

/** What an interruption leaves, and how to continue. */
function kept(resumeWith: string) {
  return { resumeWith, kept: 'the updates made so far, if any, are kept in a checkpoint' }
}

function addEvaluate(group: Command): void {
  addConfigCommand(group, 'evaluate', 'losses, answers and benchmarks of what was trained').action(
    (config: string, flags: ConfigFlags) =>
      perform({ json: flags.json }, async run => {
        const { evaluationText } = await import('./revision-table.ts')
        const report = await (await openRun(config, flags)).evaluate(run)
        return { report, text: evaluationText(report) }
      }),
  )
}

function addCompare(group: Command): void {
  addConfigCommand(group, 'compare', 'the arms of the section compare over its seeds; continues where it stood').action(
    (config: string, flags: ConfigFlags) =>
      perform({ json: flags.json, ...kept(commandLine()) }, async (run, bar) => {
        const { compareArms } = await import('../revision/compare.ts')
        const { compareText } = await import('./revision-compare.ts')
        const report = await compareArms(config, { ...run, ...shownRuns(bar), onWarning: warn }, overridesOf(flags))
        return { report, text: compareText(report) }
      }),
  )
}

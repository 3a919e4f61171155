import { createRequire } from 'node:module'
import { type Command, InvalidArgumentError } from 'commander'
import { mergeOverrides, type Override } from '../revision/config/overlay.ts'
import type { ReVision } from '../revision/run.ts'
import { addCommonOptions, type CommonOptions } from './options.ts'
import { tell } from './output.ts'

/** Options of all commands about a configuration. */
export interface ConfigFlags extends CommonOptions {
  set?: Override
  resume?: boolean
  overwrite?: boolean
}

/** A command about a configuration. */
export function addConfigCommand(group: Command, name: string, description: string): Command {
  const command = group
    .command(name)
    .description(description)
    .argument('<config>', 'YAML or JSON file (docs/revision-config.md), or the output folder of an earlier run')
    .option('--set <key=value>', 'a value that takes the place of the file’s, such as stage1.steps=100', setting)
  return addCommonOptions(command)
}

/** Collects `a.b=value`, the value in YAML. */
function setting(text: string, before: Override = {}): Override {
  const [, path, value] = /^([\w.-]+)=(.*)$/s.exec(text) ?? []
  if (path === undefined || value === undefined) {
    throw new InvalidArgumentError('It has to be a key, an equals sign and a value.')
  }
  const keys = path.split('.')
  if (keys.includes('')) {
    throw new InvalidArgumentError('Its key has an empty part.')
  }
  // required here, because every command would wait for what is imported above
  const { parse } = createRequire(import.meta.url)('yaml') as typeof import('yaml')
  try {
    return mergeOverrides(
      before,
      keys.reduceRight<unknown>((inner, key) => ({ [key]: inner }), parse(value)) as Override,
    )
  } catch (cause) {
    throw new InvalidArgumentError(`Its value is not YAML: ${(cause as Error).message}`)
  }
}

/** What the flags say over the file. */
export function overridesOf({ set = {}, resume, overwrite, threads }: ConfigFlags): Override {
  return {
    ...set,
    ...(resume ? { resume: true } : {}),
    ...(overwrite ? { overwrite: true } : {}),
    ...(threads === undefined ? {} : { threads }),
  }
}

/** Opens a run, and tells on stderr of keys that have no effect. */
export async function openRun(config: string, flags: ConfigFlags): Promise<ReVision> {
  const { ReVision } = await import('../revision/run.ts')
  const revision = await ReVision.open(config, overridesOf(flags))
  warn(revision.warning)
  return revision
}

/** One line on stderr, where there is something to tell. */
export function warn(warning: string | undefined): void {
  if (warning !== undefined) {
    tell(`modality-gap: ${warning}`)
  }
}

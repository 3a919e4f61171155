import { type Command, Option } from 'commander'
import type { Sides } from '../align.ts'
import type { Role } from '../options.ts'
import { addGroupOptions, type GroupingOptions, type ReadingOptions } from './options.ts'
import { USAGE } from './session.ts'

const DIRECTIONS = ['text-to-image', 'image-to-text'] as const

/** How the two sides of a fit are named on the command line. */
export interface SideOptions extends GroupingOptions {
  image?: string[]
  text?: string[]
  target?: string[]
  source?: string[]
  targetName?: string
  sourceName?: string
  direction?: (typeof DIRECTIONS)[number]
}

interface Side {
  paths: string[]
  name: string
  ids?: string
}

export function addSideOptions(command: Command): Command {
  const generic = ['target', 'source', 'targetName', 'sourceName']
  return addGroupOptions(command)
    .option('--image <src...>', 'image embeddings')
    .option('--text <src...>', 'text embeddings')
    .addOption(new Option('--direction <way>', 'which side moves (default: text-to-image)').choices(DIRECTIONS))
    .addOption(
      new Option('--target <src...>', 'embeddings to imitate, of any modality, with --source').conflicts([
        'image',
        'text',
      ]),
    )
    .addOption(
      new Option('--source <src...>', 'embeddings to move, of any modality, with --target').conflicts([
        'image',
        'text',
      ]),
    )
    .addOption(new Option('--target-name <name>', 'name of the target side').conflicts('direction'))
    .addOption(new Option('--source-name <name>', 'name of the source side').conflicts('direction'))
    .hook('preAction', (_, action) => {
      const options = action.opts<SideOptions>()
      const sides = generic.some(name => name in options)
        ? [options.target, options.source]
        : [options.image, options.text]
      if (sides.includes(undefined)) {
        action.error('error: give both --image and --text, or both --target and --source', { exitCode: USAGE })
      }
    })
}

/** Both sides by the part they play in a fit; the options were checked before. */
export function sidesOf(options: SideOptions): { target: Side; source: Side } {
  const { image, text, target, source, direction } = options
  if (target && source) {
    return {
      target: { paths: target, name: options.targetName ?? 'target', ids: options.imageIds },
      source: { paths: source, name: options.sourceName ?? 'source', ids: options.textIds },
    }
  }
  const sides = [
    { paths: image ?? [], name: 'image', ids: options.imageIds },
    { paths: text ?? [], name: 'text', ids: options.textIds },
  ] as const
  const [to, from] = direction === 'image-to-text' ? [sides[1], sides[0]] : sides
  return { target: to, source: from }
}

/** Opens both sides; a side named image or text takes its part of a clip-retrieval folder. */
export async function openSides(
  { target, source }: ReturnType<typeof sidesOf>,
  reading: ReadingOptions = {},
  signal?: AbortSignal,
): Promise<Sides> {
  const { openEmbeddings } = await import('../embeddings.ts')
  const open = ({ paths, name, ids }: Side) => {
    const role: Role = name === 'image' || name === 'text' ? name : 'other'
    return openEmbeddings(paths, { role, ids, ...reading }, { signal })
  }
  return { target: await open(target), source: await open(source) }
}

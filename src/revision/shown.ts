import type { RunOptions } from '../abort.ts'
import type { ReVisionConfig } from './config.ts'
import type { VisionModel } from './model.ts'
import type { Workspace } from './workspace.ts'

/** What is evaluated, and by what. */
export interface Shown {
  /** What answers. */
  model: VisionModel
  /** How. */
  config: ReVisionConfig
  /** Where rows come from. */
  workspace: Workspace
  /** How it is watched and stopped. */
  run: RunOptions
}

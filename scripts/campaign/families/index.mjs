// Files by design: each of these ended a process, took gigabytes or minutes, or was taken though it is nonsense.
import { families as models } from './models.mjs'
import { families as pictures } from './pictures.mjs'
import { families as tables } from './tables.mjs'
import { families as templates } from './templates.mjs'
import { families as texts } from './texts.mjs'
import { families as tokenizers } from './tokenizers.mjs'

/**
 * A file by design.
 *
 * @typedef {object} Family
 * @property {string} id its name
 * @property {(folder: string) => void | Promise<void>} make writes it into a folder
 * @property {(folder: string) => unknown} read reads it as a user does
 * @property {string[]} [codes] the codes that its error may have; any where absent
 * @property {RegExp} [says] what its error says
 * @property {boolean} [mayBeRead] whether it may be read, with finite numbers
 * @property {string} [onlyOn] the only platform that has it
 */

/** Files by design, by what they are. */
export const GROUPS = { templates, pictures, texts, models, tables, tokenizers }

/** @type {(Family & { group: string })[]} */
export const FAMILIES = Object.entries(GROUPS)
  .flatMap(([group, families]) => families.map(family => ({ ...family, group })))
  .filter(({ onlyOn = process.platform }) => onlyOn === process.platform)

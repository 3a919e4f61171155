// All kinds of files that are read, each with what makes good ones and what reads them.
import { kinds as encoders } from './encoders.mjs'
import { kinds as models } from './models.mjs'
import { kinds as records } from './records.mjs'
import { kinds as rows } from './rows.mjs'
import { kinds as states } from './states.mjs'

/**
 * A kind of file.
 *
 * @typedef {object} Kind
 * @property {string} id its name
 * @property {(folder: string) => void | Promise<void>} make writes good files into a folder
 * @property {string[]} targets files that are changed, also `folder/*` and `folder/**` for all in a folder
 * @property {(folder: string, file: string) => unknown} read reads them as a user does, and gives every number that it finds
 * @property {number} [weight] cases of this kind, as a share of the others'. @defaultValue 1
 */

/** @type {Kind[]} */
export const KINDS = [...rows, ...states, ...records, ...models, ...encoders]

// Runs kinds in child processes and adds up what came of their cases.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { boundedNode, MEMORY, reserved } from './bounded.mjs'
import { FAMILIES } from './families/index.mjs'
import { KINDS } from './kinds/index.mjs'

const child = fileURLToPath(new URL('child.mjs', import.meta.url))
const loader = fileURLToPath(new URL('../typescript/register.mjs', import.meta.url))
const NODE = ['--import', loader, child]

/** The kind that files by design are. */
export const FAMILY = 'families'

/** Cases that one process takes on. */
const AT_A_TIME = 500
/** Of files by design, which leave more address space behind that is mapped and not used. */
const FAMILIES_AT_A_TIME = 25
/** Processor time that a process may take: far more than its cases should. */
const SECONDS = 900

/** Address space that a process of a campaign may take: what a used one has, and the bound on memory. */
export async function spaceBound() {
  const { stdout, stderr } = await boundedNode([...NODE, '--space'])
  if (stdout === '') throw new Error(`no process of a campaign can be started: ${stderr}`)
  const { space } = JSON.parse(stdout)
  return space === null ? undefined : space + MEMORY + reserved()
}

/**
 * Runs a campaign.
 *
 * @param spec `cases` of each kind; the `seed`, any text; `kinds` by name, all where absent, without `families` where that is false; how many processes at a time (`jobs`); the
 * number of the `only` case to run, and a folder to `keep` its files in; listeners
 * @returns every case
 */
export async function campaign({ cases, seed, kinds, families = true, jobs = 1, only, keep, onCase = () => {} }) {
  const known = [{ id: FAMILY, count: FAMILIES.length }, ...KINDS]
  const unknown = kinds?.filter(id => !known.some(kind => kind.id === id)) ?? []
  if (unknown.length > 0) {
    throw new Error(`unknown kind ${unknown.join(', ')}; expected ${known.map(({ id }) => id).join(', ')}`)
  }
  const chosen = known.filter(({ id }) => (kinds === undefined ? families || id !== FAMILY : kinds.includes(id)))
  const batches = batched(
    chosen.flatMap(({ id, weight = 1, count = Math.max(1, Math.ceil(cases * weight)) }) => {
      const [from, to] = only === undefined ? [0, count] : [only, only + 1]
      const most = id === FAMILY ? FAMILIES_AT_A_TIME : AT_A_TIME
      return Array.from({ length: Math.ceil((to - from) / most) }, (_, i) => {
        const start = from + i * most
        return { kind: id, from: start, to: Math.min(to, start + most) }
      })
    }),
  )
  const bytes = await spaceBound()
  const made = mkdtempSync(join(tmpdir(), 'modality-gap-families-'))
  const found = []
  const take = each => {
    found.push(each)
    onCase(each)
  }
  const worker = async () => {
    for (let pieces = batches.shift(); pieces !== undefined; pieces = batches.shift())
      await run(pieces, { seed, keep, made, bytes, take })
  }
  if (chosen.some(({ id }) => id === FAMILY)) await makeFamilies(made)
  try {
    await Promise.all(Array.from({ length: jobs }, worker))
  } finally {
    rmSync(made, { recursive: true, force: true })
  }
  return found
}

/** Writes the files by design, in a process whose memory is not bounded: some are large before they are packed. */
async function makeFamilies(folder) {
  const { code, stderr } = await boundedNode([...NODE, '--make', folder])
  if (code !== 0) throw new Error(`the files by design could not be made: ${stderr}`)
}

/** Pieces of kinds, as many in a list as one process takes on. */
function batched(pieces) {
  const batches = []
  let room = 0
  for (const piece of pieces) {
    const count = piece.to - piece.from
    if (count > room || piece.kind === FAMILY) {
      batches.push([])
      room = piece.kind === FAMILY ? 0 : AT_A_TIME
    }
    batches.at(-1).push(piece)
    room -= count
  }
  return batches
}

/** Runs pieces; after a death another process continues after the case that died. */
async function run(pieces, { seed, keep, made, bytes, take }) {
  let left = pieces
  while (left.length > 0) {
    let begun
    const onLine = line => {
      const { begins, number, ...said } = JSON.parse(line)
      if (begins !== undefined) begun = { number: begins, ...said }
      if (number !== undefined) {
        take({ number, ...said })
        begun = undefined
      }
    }
    const args = [JSON.stringify(left), seed, made, ...(keep === undefined ? [] : [keep])]
    const { code, signal, stderr, hung } = await boundedNode([...NODE, ...args], { bytes, seconds: SECONDS, onLine })
    if (code === 0) return
    if (begun === undefined) throw new Error(`no case was run: ${stderr.slice(-2000)}`)
    const why = `${hung ? 'showed no sign of life' : `died of ${signal ?? code}`}: ${stderr.slice(-400)}`
    take({ ...begun, verdict: 'wrong', why })
    const at = left.findIndex(({ kind, from, to }) => kind === begun.kind && from <= begun.number && begun.number < to)
    const [{ kind, to }] = left.slice(at)
    left = [{ kind, from: begun.number + 1, to }, ...left.slice(at + 1)].filter(({ from, to }) => from < to)
  }
}

/** How many cases came to what. */
export function counted(cases) {
  const of = verdict => cases.filter(each => each.verdict === verdict).length
  const slowest = cases.reduce((most, { seconds = 0 }) => Math.max(most, seconds), 0)
  return { cases: cases.length, error: of('error'), read: of('read'), wrong: of('wrong'), slowest }
}

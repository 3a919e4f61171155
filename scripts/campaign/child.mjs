// node child.mjs '[{"kind": ID, "from": N, "to": N}, …]' SEED MADE [FOLDER]: cases of kinds in this process. A line says which case begins, and
// another what came of it, so that a death names its case; the files of a case are kept in FOLDER. The kind "families" are files by design.
//   node child.mjs --make MADE   writes the files by design into a folder, each into one of its number
//   node child.mjs --space       prints the address space that a process takes which has done some of everything
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { addressSpace, SECONDS } from './bounded.mjs'
import { FAMILIES } from './families/index.mjs'
import { KINDS } from './kinds/index.mjs'
import { Chance, mutated } from './mutations.mjs'
import { notFinite } from './values.mjs'

const COPY = { recursive: true, preserveTimestamps: true }
const say = line => writeSync(1, `${JSON.stringify(line)}\n`)
const work = mkdtempSync(join(tmpdir(), 'modality-gap-campaign-'))
process.on('exit', () => rmSync(work, { recursive: true, force: true }))
// notes about odd models are not output of a case
process.removeAllListeners('warning')

const [pieces, seed, made, keep] = process.argv.slice(2)
if (pieces === '--space') {
  for (const kind of KINDS.filter(({ id }) =>
    ['rows-parquet', 'model-weights', 'encoder-clip', 'aligners'].includes(id),
  )) {
    const folder = join(work, kind.id)
    mkdirSync(folder)
    await kind.make(folder)
    await kind.read(folder, kind.targets[0])
  }
  say({ space: addressSpace() ?? null })
} else if (pieces === '--make') {
  for (const [i, { make }] of FAMILIES.entries()) {
    const folder = join(seed, String(i))
    mkdirSync(folder)
    await make(folder)
  }
} else {
  for (const { kind, from, to } of JSON.parse(pieces)) {
    const found = KINDS.find(({ id }) => id === kind)
    found === undefined ? await families(from, to) : await casesOf(found, from, to)
  }
}

async function casesOf(kind, from, to) {
  // files may hold paths, so every case stands where the files were made
  const [good, place] = [join(work, `${kind.id}-good`), join(work, kind.id)]
  mkdirSync(place)
  await kind.make(place)
  cpSync(place, good, COPY)
  const targets = kind.targets.flatMap(target => matching(good, target))
  for (const file of new Set(targets)) {
    // what is not changed has to be read
    const verdict = await verdictOf(kind, fresh(good, place), file)
    if (verdict.verdict !== 'read') throw new Error(`${kind.id}: ${file} as it was made: ${JSON.stringify(verdict)}`)
  }
  const donors = [...new Set(targets)].map(file => readFileSync(join(good, file)))
  for (let number = from; number < to; number++) {
    const chance = new Chance(seed, kind.id, String(number))
    const file = chance.of(targets)
    const folder = fresh(good, place)
    const { bytes, how } = mutated(readFileSync(join(folder, file)), chance, donors)
    writeFileSync(join(folder, file), bytes)
    if (keep !== undefined) cpSync(folder, keep, { recursive: true })
    say({ begins: number, kind: kind.id, file, how })
    say({ number, kind: kind.id, file, how, ...(await verdictOf(kind, folder, file)) })
  }
  rmSync(good, { recursive: true, force: true })
  rmSync(place, { recursive: true, force: true })
}

/** Files by design, by their numbers. */
async function families(from, to) {
  for (const [i, family] of FAMILIES.slice(from, to).entries()) {
    const folder = join(made, String(from + i))
    await family.prepare?.(folder)
    if (keep !== undefined) cpSync(folder, keep, { recursive: true })
    say({ begins: from + i, kind: 'families', group: family.group, file: family.id })
    const verdict = await verdictOf(family, folder)
    say({
      number: from + i,
      kind: 'families',
      group: family.group,
      file: family.id,
      ...asExpected(family, verdict),
    })
  }
}

function asExpected({ codes, says = /./, mayBeRead = false }, found) {
  const { verdict, code, message = '' } = found
  if (verdict === 'read' && !mayBeRead) return { verdict: 'wrong', why: 'was read' }
  if (verdict === 'error' && codes !== undefined && !codes.includes(code))
    return { verdict: 'wrong', why: `${code}: ${message}` }
  if (verdict === 'error' && !says.test(message)) return { verdict: 'wrong', why: `says ${message}` }
  return found
}

/** A folder as it was made. */
function fresh(good, place) {
  rmSync(place, { recursive: true, force: true })
  cpSync(good, place, COPY)
  return place
}

function matching(folder, target) {
  if (!target.includes('*')) return [target]
  const base = join(folder, target.slice(0, target.indexOf('/*')))
  if (!existsSync(base)) throw new Error(`${base} was not made`)
  return readdirSync(base, { recursive: target.endsWith('**'), encoding: 'utf8' })
    .map(name => join(base, name))
    .filter(path => statSync(path).isFile())
    .map(path => relative(folder, path))
    .sort()
}

/** What a reader makes of a folder: `read`, `error` with a code, or `wrong`. */
async function verdictOf(kind, folder, file) {
  const begun = process.cpuUsage()
  const wrong = why => ({ verdict: 'wrong', why })
  const judge = async () => {
    try {
      const found = await kind.read(folder, file)
      const place = notFinite(found)
      return place === undefined ? { verdict: 'read' } : wrong(`not finite: ${place}`)
    } catch (error) {
      const named = error?.name === 'ModalityGapError' && typeof error.code === 'string' && error.code !== 'PANIC'
      return named
        ? { verdict: 'error', code: error.code, message: error.message.slice(0, 300) }
        : wrong(described(error))
    }
  }
  const verdict = await judge()
  const { user, system } = process.cpuUsage(begun)
  const seconds = (user + system) / 1e6
  return seconds > SECONDS ? { ...wrong(`took ${seconds.toFixed(1)} s`), seconds } : { ...verdict, seconds }
}

function described(error) {
  return error instanceof Error
    ? `${error.code ?? ''} ${error.stack ?? error.message}`.trim().slice(0, 600)
    : `threw ${String(error)}`
}

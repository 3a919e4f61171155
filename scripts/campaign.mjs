// Every kind of file that is read, changed by chance and by design, in processes with bounded memory and time: each case ends as an error
// with a code, or is read and all its numbers are finite.
//   npm run campaign -- [--cases 2000] [--seed NAME] [--kinds families,rows-npy] [--jobs 2] [--out FILE]
//   npm run campaign -- --kinds ID --seed NAME --only NUMBER --keep FOLDER       one case, and its files
import { appendFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { campaign, counted } from './campaign/run.mjs'

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '2000' },
    seed: { type: 'string', default: String(Date.now()) },
    kinds: { type: 'string' },
    jobs: { type: 'string', default: '1' },
    out: { type: 'string' },
    only: { type: 'string' },
    keep: { type: 'string' },
  },
})

if (values.out !== undefined) writeFileSync(values.out, '')
const cases = await campaign({
  cases: Number(values.cases),
  seed: values.seed,
  kinds: values.kinds?.split(','),
  jobs: Number(values.jobs),
  only: values.only === undefined ? undefined : Number(values.only),
  keep: values.keep,
  onCase: line => values.out !== undefined && appendFileSync(values.out, `${JSON.stringify(line)}\n`),
})
const line = ({ cases, error, read, wrong, slowest }) =>
  `${cases} cases, ${error} errors with a code, ${read} read, ${wrong} wrong, at most ${slowest.toFixed(2)} s`
for (const kind of new Set(cases.map(({ kind }) => kind))) {
  process.stdout.write(`${kind.padEnd(24)} ${line(counted(cases.filter(each => each.kind === kind)))}\n`)
}
const total = counted(cases)
process.stdout.write(`seed ${values.seed}: ${line(total)}\n`)
const wrong = cases.filter(({ verdict }) => verdict === 'wrong')
for (const each of wrong.slice(0, 50)) process.stdout.write(`${JSON.stringify(each)}\n`)
process.exitCode = wrong.length > 0 || cases.length === 0 ? 1 : 0

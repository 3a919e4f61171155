import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { parse } from 'yaml'
import { EXCEPTIONS, judge } from '../scripts/ci/audit.mjs'
import { type MatrixRow, matrices } from '../scripts/ci/matrices.mjs'
import { readManifest } from '../scripts/release/platforms.mjs'
import { crates, npmPackages } from '../scripts/release/sbom.mjs'
import { system } from './helpers/system.ts'

const root = join(import.meta.dirname, '..')
const folder = join(root, '.github', 'workflows')

interface Step {
  uses?: string
  run?: string
}

interface Job {
  if?: string
  permissions?: Record<string, string>
  'runs-on': string
  'timeout-minutes'?: number
  steps: Step[]
}

const workflows: [string, Record<string, Job>][] = readdirSync(folder).map(name => [
  name,
  parse(readFileSync(join(folder, name), 'utf8')).jobs,
])

test('images stand in one list: a workflow names only the one that reads the list', t => {
  const { image } = matrices()
  for (const [name, jobs] of workflows) {
    for (const [id, job] of Object.entries(jobs)) {
      t.is(job['runs-on'].startsWith('${{'), id !== 'plan', `${name}: ${id}`)
      t.truthy(job['timeout-minutes'], `${name}: ${id} has no time limit`)
    }
    t.is(jobs.plan?.['runs-on'], image)
  }
})

test('a step of a workflow is one line, and every action is pinned by its commit', t => {
  for (const [name, jobs] of workflows) {
    for (const { run, uses } of Object.values(jobs).flatMap(job => job.steps)) {
      if (run !== undefined) t.false(run.trim().includes('\n'), `${name}: ${run}`)
      if (uses !== undefined) t.regex(uses, /^[\w-]+\/[\w-]+@[0-9a-f]{40}$/, `${name}: ${uses}`)
    }
  }
})

test('what is installed runs no scripts, and the job that may publish installs nothing and runs for tags only', t => {
  const steps = workflows.flatMap(([, jobs]) => Object.values(jobs).flatMap(job => job.steps))
  const load = readFileSync(join(root, 'scripts/ci/load.sh'), 'utf8').split('\n')
  const installs = [...steps.map(({ run = '' }) => run), ...load].filter(line => /\bnpm (ci|i|install)\b/.test(line))
  t.true(installs.length >= 4)
  for (const line of installs) t.is(line, 'npm ci --ignore-scripts')

  const publishing = workflows.flatMap(([, jobs]) =>
    Object.values(jobs).filter(({ permissions }) => permissions?.['id-token'] === 'write'),
  )
  t.is(publishing.length, 1)
  // the environment `release` admits no other reference
  t.is(publishing[0]?.if, "github.event_name == 'push' && github.ref_type == 'tag'")
  const commands = publishing[0]?.steps.flatMap(({ run }) => run ?? [])
  t.deepEqual(commands, ['node scripts/release/publish.mjs packed --provenance'])
})

test('the matrices hold every target, every Node from the lowest, and both ways to load', t => {
  const { targets } = readManifest(root).napi
  const all = matrices()
  const named = (rows: MatrixRow[]) => [...new Set(rows.map(row => row.target))].sort()
  t.deepEqual(named(all.build), [...targets].sort())
  t.deepEqual(named([...all.containers, ...all.loads]), [...targets].sort())
  t.deepEqual([...new Set(all.suite.map(row => row.node))], ['20.19.0', '22', '24', '26'])
  t.true(readManifest(root).engines.node.startsWith(`^${all.lowest} `))
})

test('an advisory fails the audit unless it is an exception that is still needed', t => {
  const url = 'https://github.com/advisories/GHSA-aaaa-bbbb-cccc'
  const via = [{ url, name: 'left', severity: 'high', title: 'pads too much' }]
  const report = { vulnerabilities: { left: { via }, user: { via: ['left'] } } }
  t.deepEqual(judge(report, new Map()), [`high in left: pads too much (${url})`])
  t.deepEqual(judge(report, new Map([['GHSA-aaaa-bbbb-cccc', 'is not reached']])), [])
  t.regex(
    judge({ vulnerabilities: {} }, new Map([['GHSA-aaaa-bbbb-cccc', 'is not reached']])).join(),
    /not found any more/,
  )
  t.regex(judge({ message: 'the registry does not answer' }, new Map()).join(), /the registry does not answer/)
  for (const reason of EXCEPTIONS.values()) t.true(reason.length > 20)
})

test('the SBOM names what users get and what is compiled in, each once', t => {
  const production = Object.keys(readManifest(root).dependencies)
  const names = npmPackages().map(({ name }) => name)
  for (const name of production) t.true(names.includes(name), name)
  t.false(names.includes('typescript'))
  t.deepEqual(
    crates(
      'serde v1.0.1 MIT OR Apache-2.0\nzip v9.8.0 MIT\nserde v1.0.1 MIT OR Apache-2.0\nold v0.1.0 MIT/Apache-2.0\n',
    ),
    [
      {
        type: 'library',
        'bom-ref': 'pkg:cargo/old@0.1.0',
        name: 'old',
        version: '0.1.0',
        purl: 'pkg:cargo/old@0.1.0',
        licenses: [{ expression: 'MIT OR Apache-2.0' }],
      },
      {
        type: 'library',
        'bom-ref': 'pkg:cargo/serde@1.0.1',
        name: 'serde',
        version: '1.0.1',
        purl: 'pkg:cargo/serde@1.0.1',
        licenses: [{ expression: 'MIT OR Apache-2.0' }],
      },
      {
        type: 'library',
        'bom-ref': 'pkg:cargo/zip@9.8.0',
        name: 'zip',
        version: '9.8.0',
        purl: 'pkg:cargo/zip@9.8.0',
        licenses: [{ expression: 'MIT' }],
      },
    ],
  )
})

// bash is there on the systems that the check is for
if (process.platform === 'linux') {
  test('the check of symbols passes Node itself, and fails where there is no symbol or a newer one', t => {
    const scratch = mkdtempSync(join(tmpdir(), 'modality-gap-glibc-'))
    t.teardown(() => rmSync(scratch, { recursive: true }))
    const check = (symbols: string) => {
      // stands for readelf, whose lines it prints
      writeFileSync(join(scratch, 'readelf'), `#!/bin/sh\n${symbols}\n`, { mode: 0o755 })
      const env = { ...process.env, PATH: `${scratch}:${process.env.PATH}:/usr/bin:/bin` }
      return system('bash', [join(root, 'scripts/ci/glibc.sh'), 'some.node'], env)
    }
    const line = (version: string) => `echo '  0x0010:   Name: GLIBC_${version}  Flags: none  Version: 5'`
    t.is(check(`${line('2.14')}; ${line('2.28')}`).status, 0)
    t.is(check(`${line('2.3.4')}; ${line('2.9')}`).status, 0)
    t.regex(check(`${line('2.14')}; ${line('2.34')}`).stderr, /needs GLIBC_2\.34/)
    // relative relocations that a linker has packed, which glibc reads since 2.36
    t.regex(check(`${line('2.28')}; ${line('ABI_DT_RELR')}`).stderr, /needs GLIBC_ABI_DT_RELR/)
    t.regex(check(`echo 'no symbols'`).stderr, /names no symbol of glibc/)
    t.not(check('exit 1').status, 0)
    t.is(system('bash', ['-n', join(root, 'scripts/ci/supply-chain.sh')]).status, 0)
  })
}

// Asks npm itself what it would install from the lock file on each of our platforms, offline and without installing:
//
//     node scripts/check-lock.mjs [npm-cli.js ...]
//
// Every tool must get exactly one binding that fits. Several versions of npm may be named; those before 11 also list the
// bindings of other platforms, which they leave out only while they install.
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { npmScript, run } from './release/npm.mjs'
import { platforms, ROOT } from './release/platforms.mjs'

/** Tools that build, check and run the tests. @napi-rs/lzma is none: it unpacks cross-compilers, on Node 22 or newer. */
const TOOLS = ['esbuild', '@biomejs/biome', '@resvg/resvg-js', '@napi-rs/tar', '@napi-rs/wasm-tools']

const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'))
const scripts = process.argv.length > 2 ? process.argv.slice(2) : [npmScript()]
const folder = mkdtempSync(join(tmpdir(), 'modality-gap-lock-'))
try {
  for (const name of ['package.json', 'package-lock.json']) cpSync(join(ROOT, name), join(folder, name))
  for (const script of scripts) {
    const version = await run(process.execPath, [script, '--version'])
    process.stdout.write(`npm ${version}`)
    for (const platform of platforms()) await check(script, platform)
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function check(script, { folder: name, os, cpu, libc }) {
  const target = [`--os=${os}`, `--cpu=${cpu}`, ...(libc ? [`--libc=${libc}`] : [])]
  const output = await run(process.execPath, [script, 'install', '--dry-run', '--offline', '--no-audit', ...target], {
    cwd: folder,
  })
  const added = new Set([...output.matchAll(/^add (\S+) /gm)].map(match => match[1]))
  const chosen = TOOLS.map(tool => {
    const bindings = Object.keys(packages[`node_modules/${tool}`].optionalDependencies)
    return { tool, bindings: bindings.filter(binding => added.has(binding) && fits(binding, { os, cpu, libc })) }
  })
  const wrong = chosen.filter(({ bindings }) => bindings.length !== 1)
  process.stdout.write(`  ${name.padEnd(17)} ${chosen.flatMap(({ bindings }) => bindings).join(' ')}\n`)
  for (const { tool, bindings } of wrong) {
    process.stderr.write(`lock: ${tool} has ${bindings.length} bindings on ${name}\n`)
    process.exitCode = 1
  }
}

function fits(name, { os, cpu, libc }) {
  const entry = packages[`node_modules/${name}`]
  return entry.os?.includes(os) && entry.cpu?.includes(cpu) && (!libc || !entry.libc || entry.libc.includes(libc))
}

// Runs npm as a program of its own, without a shell, and says what it printed when it fails.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The script of the npm that runs this one, else of the npm beside Node. */
export function npmScript() {
  const beside = dirname(process.execPath)
  const places = [
    process.env.npm_execpath ?? '',
    join(beside, '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js'),
    join(beside, 'node_modules', 'npm', 'bin', 'npm-cli.js'),
  ]
  const found = places.find(path => path.endsWith('npm-cli.js') && existsSync(path))
  if (found === undefined) throw new Error('npm was not found beside node; run this through "npm run"')
  return found
}

export function npm(cwd, ...args) {
  return run(process.execPath, [npmScript(), ...args], { cwd })
}

export async function npmJson(cwd, ...args) {
  return JSON.parse(await npm(cwd, ...args))
}

/** Runs a program and returns what it prints to stdout; rejects with all that it printed when it fails. */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    let out = ''
    let errors = ''
    child.stdout.setEncoding('utf8').on('data', text => {
      out += text
    })
    child.stderr.setEncoding('utf8').on('data', text => {
      errors += text
    })
    child.on('error', reject)
    child.on('close', status => {
      if (status === 0) resolve(out)
      else reject(new Error(`${[command, ...args].join(' ')} failed\n${out}${errors}`))
    })
  })
}

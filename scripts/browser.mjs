// Finds the Chromium that the report's tests open it in, and installs it where that can be done without asking:
//   node scripts/browser.mjs     prints its path
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome', 'chrome', 'microsoft-edge']

const PLACES = {
  darwin: [
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
    '/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge',
  ],
  win32: ['PROGRAMFILES', 'PROGRAMFILES(X86)', 'LOCALAPPDATA'].flatMap(name => {
    const folder = process.env[name]
    const programs = ['Google\\Chrome\\Application\\chrome.exe', 'Microsoft\\Edge\\Application\\msedge.exe']
    return folder === undefined ? [] : programs.map(program => join(folder, program))
  }),
}

/** Path of a browser: CHROME_PATH, or what stands in the usual places; undefined where there is none. */
export function findBrowser() {
  const given = process.env.CHROME_PATH
  if (given) {
    return runs(given) ? given : undefined
  }
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean)
  return [
    ...(PLACES[process.platform] ?? []),
    ...folders.flatMap(folder => NAMES.map(name => join(folder, name))),
  ].find(runs)
}

/** The same; on Debian and its kin, as root, installs the package `chromium` first where nothing is found. */
export function needBrowser() {
  const found = findBrowser()
  if (found || process.env.CHROME_PATH || !canInstall()) {
    return found
  }
  process.stderr.write('browser: installing chromium with apt-get\n')
  apt('update', '-qq')
  apt('install', '-y', '-qq', '--no-install-recommends', 'chromium')
  return findBrowser()
}

export const MISSING = 'there is no Chromium, Chrome or Edge in the usual places, and CHROME_PATH names none'

function runs(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function canInstall() {
  return existsSync('/etc/debian_version') && process.getuid?.() === 0
}

function apt(...args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  spawnSync('apt-get', args, { env, stdio: ['ignore', process.stderr, process.stderr] })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const path = needBrowser()
  process.stdout.write(path ? `${path}\n` : '')
  if (!path) {
    process.stderr.write(`browser: ${MISSING}\n`)
    process.exitCode = 1
  }
}

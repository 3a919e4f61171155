// How npm, pnpm and yarn install a package from a registry into an empty folder, for this or another platform.
import { mkdirSync, readdirSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { npmScript, run } from './npm.mjs'
import { readManifest } from './platforms.mjs'

const TOOLS = join(import.meta.dirname, 'tools', 'node_modules')
const PNPM = join(TOOLS, 'pnpm', 'bin', 'pnpm.cjs')
const YARN = join(TOOLS, '@yarnpkg', 'cli-dist', 'bin', 'yarn.js')

/**
 * Package managers by name: `install` puts `wanted` (name@version) into `folder`, `node` runs Node there, `command` a
 * command that was installed; `scripts` are those that can work there, where not all can.
 */
export const MANAGERS = {
  npm: {
    install(folder, wanted, { env, target }) {
      const flags = target ? Object.entries(target).map(([key, value]) => `--${key}=${value}`) : []
      return tool(npmScript(), ['install', '--no-audit', '--no-fund', ...flags, wanted], folder, env)
    },
    node: (folder, args, env) => tool(args[0], args.slice(1), folder, env),
    command: (folder, args, env) => tool(npmScript(), ['exec', '--no', '--', ...args], folder, env),
  },
  pnpm: {
    install(folder, wanted, { env, target, registry }) {
      const architectures = target && { supportedArchitectures: asLists(target) }
      // JSON is YAML, too
      const settings = { registry, storeDir: join(folder, 'store'), ...architectures }
      writeFileSync(join(folder, 'pnpm-workspace.yaml'), JSON.stringify(settings))
      return tool(PNPM, ['add', wanted], folder, env)
    },
    node: (folder, args, env) => tool(args[0], args.slice(1), folder, env),
    command: (folder, args, env) => tool(PNPM, ['exec', ...args], folder, env),
  },
  yarn: yarn('node-modules'),
  // Node loads a module by `require` past the resolver of Plug'n'Play
  'yarn pnp': { ...yarn('pnp'), scripts: ['use.mjs', 'worker.mjs'] },
}

function yarn(nodeLinker) {
  return {
    install(folder, wanted, { env, target, registry }) {
      const settings = {
        nodeLinker,
        npmRegistryServer: registry,
        unsafeHttpWhitelist: ['127.0.0.1'],
        npmMinimalAgeGate: 0,
        enableGlobalCache: false,
        enableTelemetry: false,
        enableImmutableInstalls: false,
        ...(target && { supportedArchitectures: asLists(target) }),
      }
      writeFileSync(join(folder, '.yarnrc.yml'), JSON.stringify(settings))
      // an empty lock file says that the project begins here
      writeFileSync(join(folder, 'yarn.lock'), '')
      return tool(YARN, ['add', wanted], folder, env)
    },
    node: (folder, args, env) => tool(YARN, ['node', ...args], folder, env),
    command: (folder, args, env) => tool(YARN, ['run', ...args], folder, env),
  }
}

/** A new folder with the package installed. */
export async function install(manager, folder, wanted, options) {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "name": "user", "private": true }\n')
  await MANAGERS[manager].install(folder, wanted, options)
}

/** Folders of the platform packages that were installed below `folder`, whichever layout the manager has. */
export function installedPlatforms(folder, scope) {
  const found = new Set()
  const modules = join(folder, 'node_modules')
  for (const place of [modules, ...children(join(modules, '.pnpm')).map(name => join(name, 'node_modules'))]) {
    for (const path of children(join(place, scope))) found.add(realpathSync(path))
  }
  return [...found].map(path => ({ path, manifest: readManifest(path), files: readdirSync(path) }))
}

function children(folder) {
  try {
    return readdirSync(folder).map(name => join(folder, name))
  } catch {
    return []
  }
}

function asLists(target) {
  return Object.fromEntries(Object.entries(target).map(([key, value]) => [key, [value]]))
}

function tool(script, args, cwd, env) {
  return run(process.execPath, [script, ...args], { cwd, env })
}

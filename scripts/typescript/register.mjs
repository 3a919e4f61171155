// Lets Node run the project's TypeScript, through esbuild, whatever its version strips by itself:
//
//     node --import=./scripts/typescript/register.mjs FILE
import module from 'node:module'
import { loadTypeScript } from './load.mjs'

process.setSourceMapsEnabled(true)
if (module.registerHooks) {
  module.registerHooks({ load: loadTypeScript })
} else {
  // Node 20: hooks run in a thread of their own
  module.register('./load.mjs', import.meta.url)
}

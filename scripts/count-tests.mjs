// Counts the tests that spec files register, and runs none of them: in each, `ava` is replaced by a counter.
//   node --import=./scripts/typescript/register.mjs scripts/count-tests.mjs FILE…     prints the number
import module from 'node:module'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const counter = moduleOf(`
  const hook = () => {}
  hook.always = hook
  const test = Object.assign(count, { serial: count, before: hook, after: hook, beforeEach: hook, afterEach: hook })
  function count() { globalThis.registered = (globalThis.registered ?? 0) + 1 }
  export default test
`)
const hooks = moduleOf(`
  export const resolve = (name, context, next) =>
    name === 'ava' ? { url: ${JSON.stringify(counter)}, shortCircuit: true } : next(name, context)
`)
if (module.registerHooks) {
  module.registerHooks(await import(hooks))
} else {
  // Node 20: hooks run in a thread of their own
  module.register(hooks)
}
for (const file of process.argv.slice(2)) await import(pathToFileURL(resolve(file)))
process.stdout.write(`${globalThis.registered ?? 0}\n`)

function moduleOf(text) {
  return `data:text/javascript,${encodeURIComponent(text)}`
}

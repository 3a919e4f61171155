// Bundles the command line, and the script and the style of the report and the charts' engine into dist/report, with the licences of what they hold.
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { bundleCommandLine } from './bundle-cli.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const report = join(root, 'dist', 'report')
const licences = texts()
const common = { bundle: true, minify: true, charset: 'utf8', legalComments: 'none', logLevel: 'warning' }

await bundleCommandLine(root)
// in the page, "</script" would end the script, and "<!--" would change how it is read
const safe = text => text.replaceAll(/<(?=\/script|!--)/gi, '\\x3c')
await write(
  'page.js',
  join(root, 'src/report/page/main.ts'),
  { platform: 'browser', format: 'iife', target: ['es2022'] },
  safe,
)
await write('page.css', join(root, 'src/report/page/style.css'), { target: ['chrome110', 'firefox115', 'safari16'] })
// tsc compiled this file to imports of a package that users do not have
await write('engine.js', join(root, 'src/report/engine.ts'), { platform: 'node', format: 'esm', target: ['node20'] })
writeFileSync(join(report, 'LICENSES.txt'), licences)

async function write(name, entry, options, change = text => text) {
  const { outputFiles } = await build({ ...common, ...options, entryPoints: [entry], write: false })
  const notice = name.endsWith('.js') ? `/*!\n${licences.replaceAll('*/', '* /')}*/\n` : ''
  writeFileSync(join(report, name), change(notice + outputFiles[0].text))
}

/** Licences and notices of the packages that the bundles hold. */
function texts() {
  const folder = name => join(root, 'node_modules', name)
  const parts = [
    ['echarts', 'NOTICE'],
    ['echarts', 'LICENSE'],
    ['echarts', 'licenses/LICENSE-d3'],
    ['zrender', 'LICENSE'],
    ['tslib', 'LICENSE.txt'],
  ]
  return parts
    .map(
      ([name, file]) =>
        `---- ${name}: ${file}\n\n${readFileSync(join(folder(name), file), 'utf8')
          .replaceAll('\r\n', '\n')
          .trim()}\n`,
    )
    .join('\n')
}

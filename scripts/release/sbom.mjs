// Writes what the packages are made of as CycloneDX 1.5: npm packages that users get, and crates that are compiled in.
//
//     node scripts/release/sbom.mjs --out FILE
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { scriptOptions } from '../options.mjs'
import { productionPackages, ROOT, readManifest } from './platforms.mjs'

/** Crates of a `cargo tree` (lines `name version licence`), each once, as components. */
export function crates(tree) {
  const lines = new Set(tree.split('\n').filter(Boolean))
  return [...lines].sort().map(line => {
    const [name, version, ...licence] = line.split(' ')
    const purl = `pkg:cargo/${name}@${version.replace(/^v/, '')}`
    return {
      type: 'library',
      'bom-ref': purl,
      name,
      version: version.replace(/^v/, ''),
      purl,
      // the old way of crates to say "or"
      ...(licence.length > 0 && { licenses: [{ expression: licence.join(' ').replaceAll(/ ?\/ ?/g, ' OR ') }] }),
    }
  })
}

/** npm packages that users get, from the lock file, as components. */
export function npmPackages() {
  return productionPackages().map(({ name, version, license, integrity }) => {
    const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`
    const content = Buffer.from(integrity.replace('sha512-', ''), 'base64').toString('hex')
    const hashes = [{ alg: 'SHA-512', content }]
    return { type: 'library', 'bom-ref': purl, name, version, purl, hashes, licenses: [{ expression: license }] }
  })
}

/** Crates that are linked into the addon on any target; build scripts and macros run on the builder only. */
export function linkedCrates() {
  const tree = ['tree', '--locked', '--package', 'modality-gap-node', '--target', 'all']
  const shape = ['--edges', 'normal,no-proc-macro', '--prefix', 'none', '--no-dedupe', '--format', '{p} {l}']
  const out = execFileSync('cargo', [...tree, ...shape], { cwd: ROOT, encoding: 'utf8', maxBuffer: 1 << 28 })
  // our own crates are printed with their folders
  const linked = out.split('\n').filter(line => !line.includes(`(${ROOT}`))
  return crates(linked.join('\n'))
}

/** The document for all platforms; needs cargo. */
export function sbom() {
  const { name, version, license } = readManifest(ROOT)
  const purl = `pkg:npm/${name}@${version}`
  const component = { type: 'library', 'bom-ref': purl, name, version, purl, licenses: [{ expression: license }] }
  const components = [...npmPackages(), ...linkedCrates()]
  return { bomFormat: 'CycloneDX', specVersion: '1.5', version: 1, metadata: { component }, components }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = scriptOptions({ options: { out: { type: 'string' } } })
  if (values.out === undefined) throw new Error('--out FILE is missing')
  const document = sbom()
  writeFileSync(values.out, `${JSON.stringify(document, undefined, 2)}\n`)
  process.stdout.write(`sbom: ${document.components.length} components in ${values.out}\n`)
}

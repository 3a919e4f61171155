// The licences of the crates that are compiled into the addon, as their authors ask for them to be passed on.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ROOT } from './platforms.mjs'
import { linkedCrates } from './sbom.mjs'

const TEXT = /^(licen[cs]e|copying|copyright|notice|unlicense)/i

/** One text for all platforms: every licence file of a linked crate, each text once, under the crates that carry it. */
export function notices() {
  const folders = crateFolders()
  const texts = new Map()
  const crates = linkedCrates().map(({ name, version, licenses }) => {
    const label = `${name} ${version}`
    const folder = folders.get(label)
    if (folder === undefined) throw new Error(`cargo metadata does not know ${label}`)
    for (const file of readdirSync(folder).filter(
      entry => TEXT.test(entry) && /^[^.]+(\.(md|txt))?$|^LICENSE[-.]/i.test(entry),
    )) {
      const text = readFileSync(join(folder, file), 'utf8').replaceAll('\r\n', '\n').trim()
      texts.set(text, [...(texts.get(text) ?? []), label])
    }
    return `${label}: ${licenses?.[0].expression ?? 'see below'}`
  })
  const parts = [...texts].map(([text, labels]) => `${[...new Set(labels)].join(', ')}\n\n${text}`)
  const head = 'The native code of modality-gap contains these crates, each under one of the licences that it offers.'
  return `${[head, crates.join('\n'), ...parts].join(`\n\n${'-'.repeat(100)}\n\n`)}\n`
}

/** Where cargo keeps the sources, by name and version. */
function crateFolders() {
  const args = ['metadata', '--locked', '--format-version', '1']
  const { packages } = JSON.parse(execFileSync('cargo', args, { cwd: ROOT, encoding: 'utf8', maxBuffer: 1 << 28 }))
  return new Map(packages.map(({ name, version, manifest_path: path }) => [`${name} ${version}`, dirname(path)]))
}

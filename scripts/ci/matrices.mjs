// Prints the matrices of the workflows, made from .github/platforms.json, the one list of images and versions of Node:
//
//     node scripts/ci/matrices.mjs >> "$GITHUB_OUTPUT"
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const PLATFORMS = join(import.meta.dirname, '..', '..', '.github', 'platforms.json')

/** Outputs of the job `plan`, by name. */
export function matrices() {
  const { node, releaseNode, suite, others, targets } = JSON.parse(readFileSync(PLATFORMS, 'utf8'))
  const lowest = node[0].split('.')[0]
  return {
    // the kernels for processors without AVX2 must give the same bits
    suite: [
      ...node.map(version => ({ os: suite, node: version, simd: '' })),
      { os: suite, node: releaseNode, simd: 'scalar' },
    ],
    others: others.map(({ os, without = '' }) => ({ os, without, node: releaseNode })),
    build: targets.map(({ target, build, cross = '' }) => ({ target, os: build, cross })),
    containers: targets
      .filter(({ container }) => container !== undefined)
      .map(({ target, load, container }) => ({ target, os: load, container })),
    loads: targets
      .filter(({ container }) => container === undefined)
      .flatMap(({ target, load }) => [lowest, releaseNode].map(version => ({ target, os: load, node: version }))),
    image: suite,
    node: releaseNode,
    lowest: node[0],
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, value] of Object.entries(matrices())) {
    process.stdout.write(`${name}=${typeof value === 'string' ? value : JSON.stringify(value)}\n`)
  }
}

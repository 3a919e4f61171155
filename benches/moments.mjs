/**
 * One pass of moments over a folder, in a process of its own: `node moments.mjs FOLDER`. The pass is the first of a fit
 * whose other side is a handful of rows; prints its seconds and the anonymous memory before it.
 */
import { Aligner, openEmbeddings } from '../dist/index.js'
import { anonymousBytes } from './child.mjs'

const target = await openEmbeddings(process.argv[2])
const { dim } = target
const few = Float32Array.from({ length: 8 * dim }, (_, i) => Math.sin(i))
const source = await openEmbeddings(few, { dim })
const before = anonymousBytes(process.pid)
const passes = new Map()
await Aligner.fit({ target, source, verify: false }, { onProgress: ({ stage, seconds }) => passes.set(stage, seconds) })
const stage = [...passes.keys()].find(name => name.includes('image'))
console.log(JSON.stringify({ seconds: passes.get(stage), stage, before }))

/**
 * Repeats published claims on generated and real rows and writes what it found to docs/evidence.
 *
 *   npm run evidence -- geometry|dynamics|revision [options of the topic]
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { wrongUsage } from './options.mjs'

const [topic = '', ...args] = process.argv.slice(2)
const module = join(import.meta.dirname, 'evidence', `${topic}.mjs`)
if (!/^[a-z-]+$/.test(topic) || !existsSync(module)) {
  wrongUsage('say what to look at: npm run evidence -- geometry|dynamics|revision')
}
const { evidence } = await import(pathToFileURL(module).href)
if (evidence === undefined) wrongUsage(`unknown topic \`${topic}\`; expected geometry, dynamics or revision`)
await evidence(args)

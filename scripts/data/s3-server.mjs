// moto (Apache-2.0), a server of S3's interface, from the Python registry. Prints how to start it.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { installedWheels } from './wheels.mjs'

/** The wheels that its S3 part imports, each with the hashes of those for CPython 3.11 to 3.14. */
const WHEELS = JSON.parse(readFileSync(join(import.meta.dirname, 's3-server.json'), 'utf8'))
const SERVER = 'import sys; from moto.server import main; main(sys.argv[1:])'

/**
 * How to start the server, which is installed when it is not there yet.
 *
 * @returns {{ command: string, args: string[], env: Record<string, string> }}
 */
export function s3Server() {
  const { python, folder } = installedWheels('moto', WHEELS)
  return { command: python, args: ['-c', SERVER], env: { PYTHONPATH: folder } }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.stdout.write(`${JSON.stringify(s3Server())}\n`)
}

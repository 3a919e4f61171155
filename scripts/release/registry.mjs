// A registry on loopback with nothing in it and no other registry behind it; forked by the rehearsal, given the folder to
// store packages in, answers with its address.
import { createRequire } from 'node:module'
import { join } from 'node:path'

const [folder] = process.argv.slice(2)
const { runServer } = createRequire(join(import.meta.dirname, 'tools', 'package.json'))('verdaccio')

const server = await runServer({
  self_path: join(folder, 'config.yaml'),
  storage: join(folder, 'storage'),
  auth: { htpasswd: { file: join(folder, 'htpasswd') } },
  uplinks: {},
  packages: { '**': { access: '$all', publish: '$authenticated', unpublish: [] } },
  publish: { allow_offline: true },
  max_body_size: '200mb',
  userRateLimit: { windowMs: 1000, max: 1000 },
  log: { type: 'stdout', format: 'json', level: 'fatal' },
})
server.listen(0, '127.0.0.1', () => process.send(`http://127.0.0.1:${server.address().port}`))
process.once('disconnect', () => process.exit())

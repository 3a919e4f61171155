import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import type { ExecutionContext } from 'ava'
import { gcsServer } from '../scripts/data/gcs-server.mjs'
import { listening, pass } from './helpers/servers.ts'
import { storeLaws, type TestStore } from './helpers/store-laws.ts'

/** Names of the environment that say nothing of credentials and proxies. */
const ENV = { HOME: '/nowhere', NO_PROXY: '127.0.0.1', MODALITY_GAP_NETWORK_TIMEOUT: '2' }

// this server has no answer of its own for a bucket that is not there
storeLaws('gs', startGcs, /cannot be read: .*nowhere/)

async function startGcs(t: ExecutionContext): Promise<TestStore> {
  const port = await freePort()
  const own = `127.0.0.1:${port}`
  const args = ['-scheme', 'http', '-host', '127.0.0.1', '-port', `${port}`, '-backend', 'memory', '-public-host', own]
  const child = spawn(gcsServer(), args, { stdio: ['ignore', 'ignore', 'pipe'] })
  t.teardown(() => child.kill())
  const lines = createInterface(child.stderr)
  await new Promise<void>((resolve, reject) => {
    lines.on('line', line => line.includes('server started') && resolve())
    child.once('exit', code => reject(new Error(`the server ended with ${code}`)))
  })
  const server = `http://${own}`
  await fetched(`${server}/storage/v1/b`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'rows' }),
  })
  return {
    endpoint: await xmlInterface(t, server),
    // an empty variable counts as not set
    env: endpoint => ({
      ...ENV,
      STORAGE_EMULATOR_HOST: endpoint,
      GOOGLE_SERVICE_ACCOUNT: '',
      GOOGLE_SKIP_SIGNATURE: '',
    }),
    async put(name, bytes) {
      const address = `${server}/upload/storage/v1/b/rows/o?uploadType=media&name=${encodeURIComponent(name)}`
      await fetched(address, { method: 'POST', body: bytes })
    },
    async below(folder) {
      const listed = await fetched(`${server}/storage/v1/b/rows/o?prefix=${encodeURIComponent(`${folder}/`)}`)
      const { items = [] } = (await listed.json()) as { items?: { name: string }[] }
      const found = new Map<string, Buffer>()
      for (const { name } of items) {
        const bytes = await fetched(`${server}/storage/v1/b/rows/o/${encodeURIComponent(name)}?alt=media`)
        found.set(name.slice(folder.length + 1), Buffer.from(await bytes.arrayBuffer()))
      }
      return found
    },
  }
}

/** The server takes objects of the XML interface from signed addresses only, and answers as the JSON interface does: both are mended. */
async function xmlInterface(t: ExecutionContext, server: string): Promise<string> {
  return await listening(t, async (incoming, answer) => {
    if (incoming.method !== 'PUT') {
      // it knows its own name only
      incoming.headers.host = new URL(server).host
      pass(incoming, answer, server)
      return
    }
    const parts: Buffer[] = []
    for await (const part of incoming) parts.push(part as Buffer)
    const address = new URL(incoming.url ?? '/', server)
    address.searchParams.set('X-Goog-Algorithm', 'GOOG4')
    const found = await fetched(address.href, { method: 'PUT', body: Buffer.concat(parts) })
    const { etag, generation } = (await found.json()) as { etag: string; generation: string }
    answer.writeHead(200, { etag: `"${etag}"`, 'x-goog-generation': generation }).end()
  })
}

async function fetched(address: string, init?: RequestInit): Promise<Response> {
  const answer = await fetch(address, init)
  if (!answer.ok) throw new Error(`${address}: ${answer.status} ${await answer.text()}`)
  return answer
}

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

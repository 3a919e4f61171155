import { spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { createInterface } from 'node:readline'
import type { ExecutionContext } from 'ava'
import { azureServer } from '../scripts/data/azure-server.mjs'
import { storeLaws, type TestStore } from './helpers/store-laws.ts'

const ACCOUNT = 'someone'
const KEY = Buffer.from('a key that is as good as any').toString('base64')

storeLaws('az', startAzure, /there is no container "nowhere"/)

async function startAzure(t: ExecutionContext): Promise<TestStore> {
  const args = ['--inMemoryPersistence', '--blobPort', '0', '--disableTelemetry', '--silent', '--skipApiVersionCheck']
  const child = spawn(process.execPath, [azureServer(), ...args], {
    env: { ...process.env, AZURITE_ACCOUNTS: `${ACCOUNT}:${KEY}` },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => child.kill())
  const lines = createInterface(child.stdout)
  const server = await new Promise<string>((resolve, reject) => {
    lines.on('line', line => {
      const found = /listens on (http:\S+)/.exec(line)?.[1]
      if (found) resolve(found)
    })
    child.once('exit', code => reject(new Error(`the server ended with ${code}`)))
  })
  await ask(server, 'PUT', '/rows', { restype: 'container' })
  return {
    endpoint: server,
    env: endpoint => ({
      AZURE_STORAGE_ACCOUNT_NAME: ACCOUNT,
      AZURE_STORAGE_ACCOUNT_KEY: KEY,
      AZURE_STORAGE_ENDPOINT: `${endpoint}/${ACCOUNT}`,
      // empty variables count as not set
      AZURE_STORAGE_TOKEN: '',
      AZURE_STORAGE_USE_EMULATOR: '',
      NO_PROXY: '127.0.0.1',
      MODALITY_GAP_NETWORK_TIMEOUT: '2',
    }),
    async put(name, bytes) {
      await ask(server, 'PUT', `/rows/${name}`, {}, bytes)
    },
    async below(folder) {
      const query = { restype: 'container', comp: 'list', prefix: `${folder}/` }
      const listed = await (await ask(server, 'GET', '/rows', query)).text()
      const found = new Map<string, Buffer>()
      for (const [, name = ''] of listed.matchAll(/<Name>([^<]*)<\/Name>/g)) {
        const bytes = await (await ask(server, 'GET', `/rows/${name}`)).arrayBuffer()
        found.set(name.slice(folder.length + 1), Buffer.from(bytes))
      }
      return found
    },
  }
}

/** A request signed with the key of the account, see Azure's "Authorize with Shared Key". */
async function ask(
  server: string,
  method: string,
  path: string,
  query: Record<string, string> = {},
  body?: Uint8Array,
): Promise<Response> {
  const date = new Date().toUTCString()
  const own = { 'x-ms-blob-type': 'BlockBlob', 'x-ms-date': date, 'x-ms-version': '2021-12-02' }
  const named = Object.entries(query).map(([name, value]) => `\n${name}:${value}`)
  const resource = `/${ACCOUNT}/${ACCOUNT}${path}${named.sort().join('')}`
  const lines = Object.entries(own).map(([name, value]) => `${name}:${value}\n`)
  const length = body && body.length > 0 ? body.length : ''
  const signed = `${method}\n\n\n${length}\n\n\n\n\n\n\n\n\n${lines.join('')}${resource}`
  const signature = createHmac('sha256', Buffer.from(KEY, 'base64')).update(signed).digest('base64')
  const answer = await fetch(`${server}/${ACCOUNT}${path}?${new URLSearchParams(query)}`, {
    method,
    headers: { ...own, authorization: `SharedKey ${ACCOUNT}:${signature}` },
    ...(body ? { body: body } : {}),
  })
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
  return answer
}

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream, statSync } from 'node:fs'
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { ExecutionContext } from 'ava'
import { s3Server } from '../../scripts/data/s3-server.mjs'

/** What a client of the server needs in its environment; no other credentials and no proxies are seen. */
export function environment(endpoint: string): Record<string, string> {
  return {
    AWS_ENDPOINT_URL: endpoint,
    AWS_ACCESS_KEY_ID: 'key',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_REGION: 'us-east-1',
    AWS_SHARED_CREDENTIALS_FILE: '/nowhere',
    AWS_CONFIG_FILE: '/nowhere',
    // empty variables count as not set
    AWS_SESSION_TOKEN: '',
    AWS_SERVER_SIDE_ENCRYPTION: '',
    AWS_VIRTUAL_HOSTED_STYLE_REQUEST: '',
    NO_PROXY: '127.0.0.1',
    MODALITY_GAP_NETWORK_TIMEOUT: '2',
  }
}

/** Starts a server of S3's interface, which ends with the tests of the file. */
export async function startS3(t: ExecutionContext): Promise<string> {
  const { command, args, env } = s3Server()
  const child = spawn(command, [...args, '-H', '127.0.0.1', '-p', '0'], {
    env: { ...process.env, ...env, PYTHONUNBUFFERED: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.teardown(() => child.kill())
  // it says where it listens, and then each request; both are read, or it would wait
  child.stdout.resume()
  const lines = createInterface(child.stderr)
  const endpoint = await new Promise<string>((resolve, reject) => {
    const seen: string[] = []
    lines.on('line', line => {
      seen.push(line)
      const found = /Running on (http:\S+)/.exec(line)?.[1]
      if (found) resolve(found)
    })
    child.once('exit', code => reject(new Error(`the server ended with ${code}: ${seen.join('\n')}`)))
  })
  return endpoint
}

/** What a signed request has; the server checks no signatures. */
export const AUTHORIZATION =
  'AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0'

/** An object put or got by hand; the server checks no signatures. */
export async function ask(method: string, url: string, body?: Uint8Array): Promise<Response> {
  return await fetch(url, { method, headers: { authorization: AUTHORIZATION }, ...(body ? { body } : {}) })
}

/** Names and bytes of the objects below a folder of the bucket `rows`, or of the object that is called so; all for an empty name. */
export async function objects(endpoint: string, folder: string): Promise<Map<string, Buffer>> {
  const listed = await (await ask('GET', `${endpoint}/rows?list-type=2&prefix=${folder}`)).text()
  const found = new Map<string, Buffer>()
  for (const [, key = ''] of listed.matchAll(/<Key>([^<]*)<\/Key>/g)) {
    if (folder === '' || key === folder || key.startsWith(`${folder}/`)) {
      const bytes = await (await ask('GET', `${endpoint}/rows/${key}`)).arrayBuffer()
      found.set(key === folder ? key : key.slice(folder === '' ? 0 : folder.length + 1), Buffer.from(bytes))
    }
  }
  return found
}

/** Whether a fault answers a request itself, or never; `'later'` where it passes it on itself, when it is time. */
export type Fault = (incoming: IncomingMessage, answer: ServerResponse) => boolean | 'later'

/** A server before another one, which first asks `fault` whether it has taken the request itself. */
export async function proxy(t: ExecutionContext, target: string, fault: Fault): Promise<string> {
  return await listening(t, (incoming, answer) => {
    const taken = fault(incoming, answer)
    if (taken === true) {
      incoming.resume()
    } else if (taken === false) {
      pass(incoming, answer, target)
    }
  })
}

/** Passes a request on to a server, and its answer back. */
export function pass(incoming: IncomingMessage, answer: ServerResponse, target: string): void {
  const { method, headers, url } = incoming
  const onward = request(new URL(url ?? '/', target), { method, headers }, found => {
    answer.writeHead(found.statusCode ?? 500, found.headers)
    found.pipe(answer)
  })
  onward.on('error', () => answer.destroy())
  incoming.pipe(onward)
}

/** A web server of a folder's files with ranges; a request is offered to `first`. */
export async function serveFiles(t: ExecutionContext, folder: string, first: Fault = () => false): Promise<string> {
  return await listening(t, (incoming, answer) => {
    if (first(incoming, answer)) return
    const path = join(folder, decodeURIComponent(new URL(incoming.url ?? '/', 'http://host').pathname))
    const found = statSync(path, { throwIfNoEntry: false })
    if (!found?.isFile()) {
      answer.writeHead(404).end()
      return
    }
    const headers = { etag: `"${found.size}-${found.mtimeMs}"`, 'accept-ranges': 'bytes' }
    const range = /bytes=(\d+)-(\d*)/.exec(incoming.headers.range ?? '')
    const start = range ? Number(range[1]) : 0
    const end = Math.min(range?.[2] ? Number(range[2]) : found.size - 1, found.size - 1)
    const part = { ...headers, 'content-range': `bytes ${start}-${end}/${found.size}` }
    answer.writeHead(range ? 206 : 200, { ...(range ? part : headers), 'content-length': end - start + 1 })
    if (incoming.method === 'HEAD') answer.end()
    else createReadStream(path, { start, end }).pipe(answer)
  })
}

/** A server of its own, which ends with the test. */
export async function listening(
  t: ExecutionContext,
  serve: (incoming: IncomingMessage, answer: ServerResponse) => void,
): Promise<string> {
  const server: Server = createServer(serve).listen(0, '127.0.0.1')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

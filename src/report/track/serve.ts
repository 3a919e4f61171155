import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ModalityGapError } from '../../errors.ts'
import { html } from '../escape.ts'
import { reportHtml } from '../report.ts'
import type { TrackData } from './data.ts'

/** Silence after which a comment keeps a connection open, in milliseconds. */
const KEEP_ALIVE = 15_000

/** A page on this machine that follows a run. */
export interface LivePage {
  /** Where it is. */
  url: string
  /** Tells whoever looks that there is a new record. */
  tell(): void
  /** Ends all connections. */
  close(): Promise<void>
}

/**
 * Serves the report of a run on 127.0.0.1: the page at `/`, news as server-sent events at `/events`, the data at
 * `/log.json`. Nothing asks for a password: every user and program of this machine can read it, other machines and pages
 * of the web cannot.
 *
 * @param data the run so far, asked for at every request
 * @param port 0 takes a free one
 * @throws {@link ModalityGapError} `BAD_OPTION` when the port is taken
 */
export async function serveRun(data: () => TrackData, port = 0, title = 'Training run'): Promise<LivePage> {
  const listeners = new Set<ServerResponse>()
  const server = createServer((request, response) => {
    answer(request, response).catch(error => {
      send(response, 500, 'text/plain', `${(error as Error).message}\n`)
    })
  })

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { port } = server.address() as AddressInfo
    // another name means that a page of the web was led here
    if (![`127.0.0.1:${port}`, `localhost:${port}`].includes(request.headers.host ?? '')) {
      return send(response, 403, 'text/plain', 'this page is for this machine\n')
    }
    if (request.method !== 'GET') {
      return send(response, 405, 'text/plain', 'only GET\n')
    }
    switch (new URL(request.url ?? '/', 'http://127.0.0.1').pathname) {
      case '/':
        return send(response, 200, 'text/html', await pageOf(data(), title))
      case '/log.json':
        return send(response, 200, 'application/json', `${JSON.stringify(data())}\n`)
      case '/events':
        response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
        response.write(': following\n\n')
        listeners.add(response)
        response.on('close', () => listeners.delete(response))
        return
      default:
        return send(response, 404, 'text/plain', 'there is no such page\n')
    }
  }

  const say = (text: string) => {
    for (const listener of listeners) listener.write(text)
  }
  const pulse = setInterval(say, KEEP_ALIVE, ': still here\n\n').unref()
  await new Promise<void>((resolve, reject) => {
    server.once('error', cause => {
      const message = `the page cannot be served at port ${port}: ${cause.message}`
      reject(new ModalityGapError('BAD_OPTION', message, { cause }))
    })
    server.listen(port, '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    tell: () => say('event: record\ndata: {}\n\n'),
    close: () => {
      clearInterval(pulse)
      return new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
    },
  }
}

async function pageOf(data: TrackData, title: string): Promise<string> {
  return data.records.length > 0
    ? reportHtml(data, { title }, true)
    : html`<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="2"><title>${title}</title><p>No step has been recorded yet.</p>`
        .text
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, {
    'content-type': `${type}; charset=utf-8`,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
  })
  response.end(body)
}

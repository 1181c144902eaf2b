import type { ServerResponse } from 'node:http'

/** Sends one JSON document and ends. */
export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body))
}

/** Sends plain text and ends. */
export function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(text)
}

/**
 * Sends a part of a stream, with its head when it is the first, and waits while the client reads slower than it comes.
 * An empty part sends the head alone.
 */
export async function sendPart(response: ServerResponse, contentType: string, text: string): Promise<void> {
  if (!response.headersSent) response.writeHead(200, { 'content-type': contentType })
  if (text === '') return response.flushHeaders()
  if (response.write(text) || response.destroyed) return
  await new Promise<void>((resolve) => {
    response.once('drain', resolve)
    response.once('close', resolve)
  })
}

// A file server that can be told to misbehave: each request's answer is made by a function,
// and every request is remembered.
import { createServer } from 'node:http'

/**
 * Serves one file under any path. `fault(request, state)` may return how to answer it:
 *   { status }                  with that status and no body
 *   { ranges: false }           the whole file, whatever was asked
 *   { contentRange: '…' }       a 206 with this header instead of the right one
 *   { truncate: n }             the connection ends after n bytes of the body
 *   { size: false }             no Content-Length
 *   { stall: true }             headers and 100 bytes, then nothing
 *   { etag: '…' }               another version; null: without
 *   { page: true }              a web page with status 200
 */
export async function rangeServer(body, fault = () => ({})) {
  const requests = []
  const state = { running: 0, mostRunning: 0 }
  const server = createServer((request, response) => {
    requests.push({ url: request.url, range: request.headers.range, headers: request.headers })
    state.mostRunning = Math.max(state.mostRunning, ++state.running)
    response.on('close', () => state.running--)
    const how =
      fault({ url: request.url, range: request.headers.range, count: requests.length }) ?? {}
    if (how.page)
      return response.writeHead(200, { 'content-type': 'text/html' }).end('<p>Log in</p>')
    if (how.status) return response.writeHead(how.status).end()
    const file = body instanceof Uint8Array ? body : body[request.url.slice(1)]
    if (!file) return response.writeHead(404).end()
    answer(response, file, how.ranges === false ? undefined : request.headers.range, how)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = () =>
    new Promise((resolve) => {
      server.close(resolve)
      server.closeAllConnections()
    })
  const url = `http://127.0.0.1:${server.address().port}`
  return { url, requests, state, close, [Symbol.asyncDispose]: close }
}

function answer(response, file, range, how) {
  const headers = how.etag === null ? {} : { etag: how.etag ?? '"1"' }
  let part = file
  if (range) {
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(range)
    const [start, end] = [Number(from), Math.min(Number(to), file.length - 1)]
    if (start > end) return response.writeHead(416).end()
    part = file.subarray(start, end + 1)
    headers['content-range'] = how.contentRange ?? `bytes ${start}-${end}/${file.length}`
  }
  if (how.size !== false) headers['content-length'] = part.length
  response.writeHead(range ? 206 : 200, headers)
  if (how.stall) return response.write(part.subarray(0, 100))
  if (how.truncate === undefined || how.truncate >= part.length) return response.end(part)
  response.write(part.subarray(0, how.truncate), () => response.destroy())
}

/** Bytes that tell where they come from. */
export function pattern(length) {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >> 8) * 17 + (i >> 16)) & 255
  return bytes
}

export async function collect(chunks) {
  const list = []
  for await (const chunk of chunks) list.push(chunk.slice())
  return new Uint8Array(Buffer.concat(list))
}

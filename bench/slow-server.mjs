// A server on 127.0.0.1 that sends a file by HTTP ranges, all connections together at so many bytes
// a second. Pages of other origins may read it.
import { once } from 'node:events'
import { createReadStream, statSync } from 'node:fs'
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

const PIECE = 1 << 15

/**
 * @param {string} path
 * @param {number} [bytesPerSecond] as fast as it goes
 */
export async function slowServer(path, bytesPerSecond = Infinity) {
  const { size } = statSync(path)
  const highWaterMark = bytesPerSecond === Infinity ? 1 << 20 : PIECE
  let free = 0 // when the line is
  async function send(request, response) {
    const [, from = 0, to = size - 1] =
      /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []
    const [start, end] = [Number(from), Math.min(Number(to), size - 1)]
    const headers = {
      'content-length': end - start + 1,
      etag: '"1"',
      'access-control-allow-origin': '*',
      'access-control-allow-headers': '*',
      'access-control-expose-headers': '*',
      'cross-origin-resource-policy': 'cross-origin',
    }
    if (request.headers.range) headers['content-range'] = `bytes ${start}-${end}/${size}`
    response.writeHead(request.headers.range ? 206 : 200, headers)
    for await (const piece of createReadStream(path, { start, end, highWaterMark })) {
      free = Math.max(free, performance.now()) + (piece.length * 1000) / bytesPerSecond
      const wait = free - performance.now()
      if (wait > 1) await sleep(wait)
      if (response.destroyed) return
      await new Promise((resolve) => response.write(piece, resolve)) // called after a close, too
    }
    response.end()
  }
  const server = createServer((request, response) => {
    send(request, response).catch((error) => response.destroy(error))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = () => {
    server.close()
    server.closeAllConnections()
  }
  return { url: `http://127.0.0.1:${server.address().port}/model.gguf`, close }
}

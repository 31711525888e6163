// The static file server of `npm start` and of the browser tests: folders under URL prefixes, byte
// ranges, cross-origin isolation and a strict content security policy.
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join, sep } from 'node:path'
import { inRoot, modelCache } from './paths.mjs'

/** Bytes read at once: small ones keep a model from arriving as fast as it could. */
const CHUNK = 1 << 20

/** The chat page and the models beside it, longest prefix first. */
export const pageMounts = { '/models/': modelCache, '/': inRoot('build', 'site') }

/** The same with the library's sources and the built modules, for tests of these. */
export const siteMounts = {
  ...pageMounts,
  '/build/web/': inRoot('build', 'web'),
  '/sotto/': inRoot('js'),
}

const types = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.txt': 'text/plain; charset=utf-8',
}

/**
 * Models are for the library's own cache. Chromium copies what may go into the browser's into
 * buffers, and a fast server fills them sooner than the garbage collector frees them.
 */
const modelHeaders = { 'Cache-Control': 'no-store' }

/** The page loads nothing but its own files; models may come from anywhere, by https. */
export const policy = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "connect-src 'self' https:",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
]

export const headers = {
  'Content-Security-Policy': policy.join('; '),
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-cache',
  'Accept-Ranges': 'bytes',
}

/**
 * Serves `mounts` and resolves with { url, close } once it listens; port 0 is any free port. `more`
 * replaces headers of files; one that is undefined is not sent.
 */
export async function serve({ port = 0, host = '127.0.0.1', mounts = pageMounts, more } = {}) {
  const server = createServer((request, response) => {
    answer(request, response, mounts, more).catch((error) => {
      if (response.headersSent) response.destroy(error)
      else refuse(response, 500, more)
    })
  })
  await new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  const shown = host.includes(':') ? `[${host}]` : host
  const close = () =>
    new Promise((resolve) => {
      server.close(resolve)
      server.closeAllConnections()
    })
  return { url: `http://${shown}:${server.address().port}`, close }
}

async function answer(request, response, mounts, more) {
  if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(response, 405, more)
  const path = fileOf(request.url, mounts)
  const info = path && (await stat(path).catch(() => undefined))
  if (!info?.isFile()) return refuse(response, 404, more)

  const tag = `"${info.size.toString(16)}-${Math.trunc(info.mtimeMs).toString(16)}"`
  const type = types[extname(path)] ?? 'application/octet-stream'
  const own = extname(path) === '.gguf' ? { ...modelHeaders, ...more } : more
  const head = { ...common(own), 'Content-Type': type, ETag: tag }
  head['Last-Modified'] = info.mtime.toUTCString()
  if (request.headers['if-none-match'] === tag) return response.writeHead(304, head).end()

  const range = rangeOf(request.headers, info.size, tag)
  if (range === 'bad')
    return refuse(response, 416, { ...more, 'Content-Range': `bytes */${info.size}` })
  const { start, end } = range ?? { start: 0, end: info.size - 1 }
  if (range) head['Content-Range'] = `bytes ${start}-${end}/${info.size}`
  response.writeHead(range ? 206 : 200, { ...head, 'Content-Length': end - start + 1 })
  if (request.method === 'HEAD' || info.size === 0) return response.end()
  const file = createReadStream(path, { start, end, highWaterMark: CHUNK })
  file.on('error', (error) => response.destroy(error))
  response.on('close', () => file.destroy())
  file.pipe(response)
}

const common = (more) =>
  Object.fromEntries(
    Object.entries({ ...headers, ...more }).filter(([, value]) => value !== undefined),
  )

function refuse(response, status, more = {}) {
  response.writeHead(status, { ...common(more), 'Content-Type': types['.txt'] })
  response.end(`${status}\n`)
}

/** The file behind a URL; undefined where there is none or the path leaves its folder. */
function fileOf(url, mounts) {
  let path
  try {
    path = decodeURIComponent(new URL(url, 'http://localhost').pathname)
  } catch {
    return undefined
  }
  const prefix = Object.keys(mounts)
    .sort((a, b) => b.length - a.length)
    .find((mount) => path.startsWith(mount))
  if (prefix === undefined || path.includes('\0')) return undefined
  const rest = path.slice(prefix.length)
  const hidden = rest.split(/[/\\]/).some((part) => part.startsWith('.') || part === 'node_modules')
  if (hidden) return undefined
  const file = join(mounts[prefix], rest.endsWith('/') || !rest ? `${rest}index.html` : rest)
  return file.startsWith(mounts[prefix] + sep) ? file : undefined
}

/** One byte range, undefined for the whole file, or 'bad'. Several ranges get the whole file. */
function rangeOf(requestHeaders, size, tag) {
  const condition = requestHeaders['if-range']
  const match = /^bytes=(\d*)-(\d*)$/.exec(requestHeaders.range ?? '')
  if (!match || (match[1] === '' && match[2] === '') || (condition && condition !== tag)) {
    return undefined
  }
  const last = size - 1
  const suffix = match[1] === ''
  const start = suffix ? Math.max(0, size - Number(match[2])) : Number(match[1])
  const end = suffix || match[2] === '' ? last : Math.min(Number(match[2]), last)
  return start > end ? 'bad' : { start, end }
}

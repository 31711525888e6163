// A chat service in thirty lines: POST /chat with { "messages": […] } streams the answer as text.
//   MODEL=model.gguf PORT=8081 node service.mjs
import { createServer } from 'node:http'
import { json } from 'node:stream/consumers'
import { loadModel } from 'sotto'

const engine = await loadModel(process.env.MODEL ?? 'model.gguf', { n_parallel: 4 })

const server = createServer(async (request, response) => {
  if (request.method !== 'POST' || request.url !== '/chat') return response.writeHead(404).end()
  const abort = new AbortController()
  response.on('close', () => abort.abort()) // the client left: stop generating
  try {
    const { messages } = await json(request)
    const options = { max_tokens: 512, signal: abort.signal }
    const stream = await engine.chat.completions.create({ messages, stream: true, ...options })
    response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' })
    for await (const chunk of stream) response.write(chunk.choices[0].delta.content ?? '')
    response.end()
  } catch (error) {
    if (response.headersSent || abort.signal.aborted) return response.destroy()
    const ours = { busy: 503, worker_failed: 500, internal_error: 500, out_of_memory: 500 }
    const status = ours[error.code] ?? 400
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ error: { code: error.code, message: error.message } }))
  }
})

server.listen(Number(process.env.PORT ?? 8081), '127.0.0.1', () => console.log('ready'))

// `npm start`: set-up, the web build, one streamed answer from Node.js as proof of life, then the
// chat page on a local port.
//   npm start -- [--port 8080] [--host 127.0.0.1]
import { parseArgs } from 'node:util'
import { build } from './build.mjs'
import { main } from './lib/main.mjs'
import { say, seconds, step } from './lib/report.mjs'
import { serve } from './lib/server.mjs'
import { modelEntry } from './setup/packages.mjs'
import { setup } from './setup.mjs'
import { buildSite } from './site.mjs'

const question = 'What is the capital of France? Answer in one short sentence.'

await main(async () => {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '8080' },
      host: { type: 'string', default: '127.0.0.1' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return say('npm start -- [--port 8080] [--host 127.0.0.1]')
  const port = portOf(values.port)

  await setup('start')
  await build('web')
  await buildSite()
  await proofOfLife(modelEntry())
  const { url } = await serve({ port, host: values.host }).catch((error) => {
    throw new Error(listenAdvice(error, port))
  })
  say(`\nThe chat page is on ${url}, the benchmark on ${url}/bench.html  (Ctrl-C ends both)`)
})

function portOf(text) {
  const port = Number(text)
  if (!/^\d+$/.test(text) || port > 65535) throw new Error(`--port ${text} is not a port number`)
  return port
}

function listenAdvice(error, port) {
  if (error.code !== 'EADDRINUSE') return error.message
  return `Port ${port} is taken. Choose another: npm start -- --port ${port + 1}`
}

/** Loads the default model in a Node.js worker and lets it answer one question. */
async function proofOfLife(model) {
  const { loadModel } = await import('sotto')
  const engine = await step(`Load ${model.name}`, (state) => {
    const onProgress = ({ status, loaded, total }) => {
      state.note = total ? `${status} ${Math.floor((100 * loaded) / total)} %` : status
    }
    return loadModel(model.path, { n_ctx: 2048, onProgress })
  })
  try {
    const messages = [{ role: 'user', content: question }]
    say(`\n> ${question}`)
    const begin = performance.now()
    const request = { messages, stream: true, temperature: 0, max_tokens: 64 }
    let timings
    for await (const chunk of await engine.chat.completions.create(request)) {
      process.stdout.write(chunk.choices[0]?.delta?.content ?? '')
      timings = chunk.timings ?? timings
    }
    say(`\n\n${timingsLine(timings, performance.now() - begin)}`)
  } finally {
    await engine.dispose()
  }
}

function timingsLine(timings, elapsed) {
  if (!timings) return `  ${seconds(elapsed)}`
  const { prompt_n, prompt_per_second, predicted_n, predicted_per_second } = timings
  return [
    `  prompt ${prompt_n} tokens, ${prompt_per_second.toFixed(1)} per second`,
    `answer ${predicted_n} tokens, ${predicted_per_second.toFixed(1)} per second`,
    seconds(elapsed),
  ].join(' · ')
}

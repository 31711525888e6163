// A child process that holds one engine: imports the module named by its argument and calls what
// the parent asks for.
const [, , file] = process.argv
const engine = await import(file)

process.on('message', async ({ id, method, argument }) => {
  try {
    process.send({ id, value: await engine[method](argument) })
  } catch (error) {
    process.send({ id, error: error.stack ?? String(error) })
  }
})
process.on('disconnect', () => process.exit())
process.send({ ready: true })

// The frame of every tool: an error is one readable message and exit code 1.
import { say } from './report.mjs'

export async function main(work) {
  try {
    await work()
  } catch (error) {
    say(process.env.DEBUG ? error.stack : `\n${error.message}`)
    process.exitCode = 1
  }
}

// The frame of every tool: an error is one readable message and exit code 1.
import { realpathSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { say } from './report.mjs'

export async function main(work) {
  try {
    await work()
  } catch (error) {
    say(process.env.DEBUG ? error.stack : `\n${error.message}`)
    process.exitCode = 1
  }
}

/** True in the module that node was started with. */
export const isMain = (url) =>
  process.argv[1] !== undefined && url === pathToFileURL(realpathSync(process.argv[1])).href

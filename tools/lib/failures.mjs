// A reporter of node:test that says only what failed, a line or two each: for the end of a long
// run, when what was printed at the time is out of sight.
import { relative } from 'node:path'
import { root } from './paths.mjs'

/** @param {AsyncIterable<{ type: string, data: any }>} events */
export default async function* failures(events) {
  for await (const { type, data } of events) {
    if (type !== 'test:fail' || data.todo || data.skip) continue
    const { error } = data.details
    // A file is named only if its process failed beside its tests, or without one that failed.
    const isFile = data.name === data.file || data.name.startsWith('/')
    if (error.failureType === 'subtestsFailed' && !isFile) continue
    const name = isFile ? relative(root, data.name) : data.name
    const place = data.file && !isFile ? `${relative(root, data.file)}:${data.line}  ` : ''
    yield `${place}${name}\n${indented(reason(error))}\n`
  }
}

function reason(error) {
  if (error.signal) return `its process ended by ${error.signal}`
  if (error.exitCode) return `its process ended with ${error.exitCode}`
  return error.cause?.message ?? error.message
}

function indented(text) {
  const lines = text.trim().split('\n')
  return lines
    .slice(0, 8)
    .map((line) => `  ${line}`)
    .join('\n')
}

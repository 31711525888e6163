// Runs in Deno: compiles the kernels that standard input lists as JSON, and prints the results.
import { compileAll } from './wgsl-compile.mjs'

const kernels = await new Response(Deno.stdin.readable).json()
console.log(JSON.stringify(await compileAll(navigator.gpu, kernels)))

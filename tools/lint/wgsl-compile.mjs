// Compiles WGSL by whatever implements WebGPU here: Tint under Node.js, naga under Deno.

/** Extensions of WGSL that kernels enable, and the device's feature that each needs. */
const extensions = { f16: 'shader-f16', subgroups: 'subgroups' }

/**
 * What the compiler has to say of each { name, source }: `messages` of type, line, column and text;
 * or `lacks`, the extensions that it does not have, in which case it was not asked.
 */
export async function compileAll(gpu, kernels) {
  const adapter = await gpu.requestAdapter()
  if (!adapter) throw new Error('no adapter of WebGPU to compile WGSL with')
  const requiredFeatures = Object.values(extensions).filter((name) => adapter.features.has(name))
  const device = await adapter.requestDevice({ requiredFeatures })
  const results = []
  for (const { name, source } of kernels) {
    const lacks = enabledBy(source).filter((extension) => {
      const feature = extensions[extension]
      return feature && !device.features.has(feature)
    })
    const messages = lacks.length ? [] : await compile(device, source)
    results.push({ name, lacks, messages })
  }
  device.destroy()
  return results
}

async function compile(device, code) {
  device.pushErrorScope('validation')
  const module = device.createShaderModule({ code })
  const error = await device.popErrorScope()
  const { messages } = await module.getCompilationInfo()
  const found = messages
    .filter(({ type }) => type !== 'info')
    .map(({ type, lineNum, linePos, message }) => {
      return { type, line: lineNum, column: linePos, text: message.trim() }
    })
  if (error && !found.length) found.push({ type: 'error', line: 0, column: 0, text: error.message })
  return found
}

function enabledBy(source) {
  const code = source.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, ' ')
  const directives = [...code.matchAll(/\benable\s+([^;]+);/g)]
  return directives.flatMap(([, names]) => names.split(',').map((name) => name.trim()))
}

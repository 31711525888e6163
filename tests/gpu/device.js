// A GPU for tests: Dawn on Chromium's SwiftShader, in the shape of `navigator.gpu`. Its adapter
// offers less than there is where a test says so, and hooks see what devices are asked for and
// spoil it. What a lost device does is what Chromium's does when its GPU process dies
// (docs/webgpu.md). VK_ICD_FILENAMES in the environment chooses another driver.
import { create, globals } from 'webgpu'
import { vulkanDriver } from '../../tools/setup/system.mjs'

Object.assign(globalThis, globals)

// SwiftShader unrolls the zeroing of workgroup memory that Vulkan's extension asks for: seconds.
const flags = ['disable-dawn-features=use_vulkan_zero_initialize_workgroup_memory_extension']

/**
 * Opens one. Everything is optional:
 * - `without`: features of the adapter or of WGSL that it is not to have;
 * - `limits` and `info`: what the adapter says in place of its own. Limits below WebGPU's defaults
 *   are announced, but devices keep the defaults;
 * - hooks. Each gets `n`, which counts from 1 over all devices of this GPU, and `device`:
 *   - `onSubmit({ n, device })`, before a submit;
 *   - `onMap({ n, device, buffer })`: a map ends no sooner than what this returns;
 *   - `onCreateBuffer({ n, device, descriptor })`: 'out-of-memory' makes it fail;
 *   - `onShader({ n, device, label, code })`: the WGSL to take instead.
 */
export function openTestGpu(options = {}) {
  const driver = vulkanDriver()
  if (!driver) {
    throw new Error("no SwiftShader: install Chromium, or set VK_ICD_FILENAMES to a driver's JSON")
  }
  process.env.VK_ICD_FILENAMES = driver
  return new TestGpu(create(flags), options)
}

class TestGpu {
  #gpu
  #options
  #losing = new WeakMap()
  /** What was asked for so far, of all devices. */
  counts = { submits: 0, maps: 0, buffers: 0, shaders: 0 }

  constructor(gpu, options) {
    this.#gpu = gpu
    this.#options = options
    this.wgslLanguageFeatures = without(gpu.wgslLanguageFeatures, options)
  }

  async requestAdapter(options) {
    const adapter = await this.#gpu.requestAdapter(options)
    return adapter && new TestAdapter(adapter, this.#options, (device) => this.#hook(device))
  }

  /** Loses a device that nobody has destroyed. */
  lose(device, message = 'lost by the test') {
    this.#losing.get(device)({ reason: 'unknown', message })
    device.destroy()
  }

  /** Methods are replaced on the device itself: Dawn refuses to be called through a Proxy. */
  #hook(device) {
    const gone = this.#hookLoss(device)
    const failAllocation = hookScopes(device, gone)
    const { counts } = this
    const { onSubmit, onShader, onCreateBuffer } = this.#options
    replace(device.queue, 'submit', (submit, buffers) => {
      const n = ++counts.submits
      onSubmit?.({ n, device })
      submit(buffers)
    })
    replace(device, 'createShaderModule', (make, descriptor) => {
      const n = ++counts.shaders
      const code = onShader?.({ n, device, ...descriptor }) ?? descriptor.code
      return make({ ...descriptor, code })
    })
    replace(device, 'createBuffer', (make, descriptor) => {
      if (gone.yet && descriptor.mappedAtCreation) throw new RangeError('createBuffer failed')
      const n = ++counts.buffers
      const spoilt = onCreateBuffer?.({ n, device, descriptor })
      const buffer = spoilt === 'out-of-memory' ? failAllocation(descriptor) : make(descriptor)
      this.#hookMap(device, buffer, gone)
      return buffer
    })
    return device
  }

  /**
   * `gone.else(error, work, also)`: what `work()` promises, when `also` is over, or a rejection
   * once the device is lost. It comes when Dawn has answered, as that ends the process if a worker
   * is terminated before.
   */
  #hookLoss(device) {
    let tell
    const told = new Promise((resolve) => {
      tell = resolve
    })
    const gone = {
      yet: false,
      async else(error, work, also) {
        if (gone.yet) throw error()
        const doing = work()
        const answered = doing.catch(() => {})
        await Promise.race([told, Promise.all([answered, also])])
        if (!gone.yet) return doing
        await answered
        throw error()
      },
    }
    this.#losing.set(device, (info) => {
      gone.yet = true
      tell(info)
    })
    Object.defineProperty(device, 'lost', { value: Promise.race([told, device.lost]) })
    replace(device.queue, 'onSubmittedWorkDone', (done) => gone.else(operationError, done))
    replace(device, 'createComputePipelineAsync', (make, descriptor) =>
      gone.else(pipelineError, () => make(descriptor)),
    )
    return gone
  }

  #hookMap(device, buffer, gone) {
    const { counts } = this
    replace(buffer, 'mapAsync', async (map, ...range) => {
      const n = ++counts.maps
      const hooked = this.#options.onMap?.({ n, device, buffer })
      await gone.else(abortError, () => map(...range), hooked)
      if (buffer.mapState !== 'mapped') throw abortError()
    })
  }
}

class TestAdapter {
  #adapter
  #opened

  constructor(adapter, options, opened) {
    this.#adapter = adapter
    this.#opened = opened
    this.features = without(adapter.features, options)
    this.limits = { ...entriesOf(adapter.limits), ...options.limits }
    this.info = { ...entriesOf(adapter.info), ...options.info }
  }

  async requestDevice(descriptor = {}) {
    for (const name of descriptor.requiredFeatures ?? []) {
      if (!this.features.has(name)) throw new TypeError(`Unsupported feature: ${name}`)
    }
    for (const [name, value] of Object.entries(descriptor.requiredLimits ?? {})) {
      const most = this.limits[name]
      const beyond = name.startsWith('min') ? value < most : value > most
      if (beyond) throw operationError(`${name}: ${value} is beyond the adapter's ${most}`)
    }
    return this.#opened(await this.#adapter.requestDevice(descriptor))
  }
}

/**
 * Keeps a stack of error scopes beside Dawn's, for errors that Dawn knows nothing of. Returns what
 * makes an allocation fail: a buffer that is not valid and an error in the innermost scope for it.
 */
function hookScopes(device, gone) {
  const scopes = []
  const make = device.createBuffer.bind(device)
  const push = device.pushErrorScope.bind(device)
  const pop = device.popErrorScope.bind(device)
  device.pushErrorScope = (filter) => {
    scopes.push({ filter, error: undefined })
    push(filter)
  }
  device.popErrorScope = async () => {
    const scope = scopes.pop()
    const error = await gone.else(operationError, pop)
    return scope?.error ?? error
  }
  return (descriptor) => {
    push('validation')
    const buffer = make({ ...descriptor, usage: 0 })
    pop()
    const error = new globals.GPUOutOfMemoryError(`no memory for ${descriptor.size} bytes`)
    const scope = scopes.findLast(({ filter }) => filter === 'out-of-memory')
    const event = new globals.GPUUncapturedErrorEvent('uncapturederror', { error })
    if (scope) scope.error ??= error
    else queueMicrotask(() => device.dispatchEvent(event))
    return buffer
  }
}

const text = 'A valid external Instance reference no longer exists.'
const abortError = () => new DOMException(text, 'AbortError')
const operationError = (message = text) => new DOMException(message, 'OperationError')
const pipelineError = () => new globals.GPUPipelineError(text, { reason: 'internal' })

/** Puts `instead(original, ...arguments)` in the place of a method of this one object. */
function replace(object, name, instead) {
  const original = object[name].bind(object)
  object[name] = (...given) => instead(original, ...given)
}

const without = (names, { without: missing = [] }) =>
  new Set([...names].filter((name) => !missing.includes(name)))

/** Dawn's limits and infos are getters of a prototype. */
function entriesOf(object) {
  const entries = {}
  for (const name in object) entries[name] = object[name]
  return entries
}

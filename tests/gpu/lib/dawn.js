// The GPU of engines under test, as their option gpu.module. Their worker's environment is the one
// that an importer in the main thread has set. What is wrong with it says the query of the URL:
//   ?lose=5,9    the device is lost at the fifth submit, and again at the ninth
//   ?listen=x    and whenever something is said on the channel of this name
//   ?break=rope  what is compiled of this kernel is no WGSL
//   ?spoil=rope  this kernel adds where it should subtract
//   ?full=5      there is no memory for the fifth buffer
//   ?adapters=1  there is one adapter and no more
//   ?slow=50     results come so many milliseconds late; &from=2, from the second on
//   ?without=subgroups  there is no such feature, of the adapter or of WGSL; several are possible
//   ?maxBufferSize=268435456  this limit is announced
import { setTimeout as sleep } from 'node:timers/promises'
import { openTestGpu } from '../device.js'

const faults = new URL(import.meta.url).searchParams
const is = (fault, n) => Number(faults.get(fault)) === n
const losses = (faults.get('lose') ?? '').split(',').map(Number)

/** The device that was used last. */
let last

const limits = Object.fromEntries(
  [...faults].filter(([name]) => name.startsWith('max')).map(([name, n]) => [name, Number(n)]),
)

const whole = openTestGpu({
  without: faults.getAll('without'),
  limits,
  onSubmit({ n, device }) {
    last = device
    if (losses.includes(n)) whole.lose(device)
  },
  onMap: ({ n }) => n >= Number(faults.get('from')) && sleep(Number(faults.get('slow'))),
  onCreateBuffer: ({ n }) => is('full', n) && 'out-of-memory',
  onShader({ label, code }) {
    const of = (fault) => label?.split(' ').includes(faults.get(fault))
    if (of('spoil')) return code.replace('cosine -', 'cosine +')
    return of('break') ? `${code}\nfn oops( {` : code
  },
})

if (faults.has('listen')) {
  const channel = new BroadcastChannel(faults.get('listen'))
  channel.unref()
  channel.onmessage = () => last && whole.lose(last)
}

let adapters = 0

export const gpu = {
  wgslLanguageFeatures: whole.wgslLanguageFeatures,
  requestAdapter: async (options) =>
    ++adapters > Number(faults.get('adapters') ?? Infinity) ? null : whole.requestAdapter(options),
  lose: (device, message) => whole.lose(device, message),
}

// The GPU of engines under test, as their option gpu.module. Their worker's environment is the one
// that an importer in the main thread has set. What is wrong with it says the query of the URL:
//   ?lose=5      the device is lost at the fifth submit
//   ?break=rope  what is compiled of this kernel is no WGSL
//   ?spoil=rope  this kernel adds where it should subtract
//   ?full=5      there is no memory for the fifth buffer
//   ?adapters=0  there is no adapter
//   ?without=subgroups  there is no such feature, of the adapter or of WGSL; several are possible
//   ?maxBufferSize=268435456  this limit is announced
import { openTestGpu } from '../device.js'

const faults = new URL(import.meta.url).searchParams
const is = (fault, n) => Number(faults.get(fault)) === n

const limits = Object.fromEntries(
  [...faults].filter(([name]) => name.startsWith('max')).map(([name, n]) => [name, Number(n)]),
)

const whole = openTestGpu({
  without: faults.getAll('without'),
  limits,
  onSubmit: ({ n, device }) => is('lose', n) && whole.lose(device),
  onCreateBuffer: ({ n }) => is('full', n) && 'out-of-memory',
  onShader({ label, code }) {
    const of = (fault) => label?.split(' ').includes(faults.get(fault))
    if (of('spoil')) return code.replace('cosine -', 'cosine +')
    return of('break') ? `${code}\nfn oops( {` : code
  },
})

export const gpu = faults.get('adapters') === '0' ? { requestAdapter: async () => null } : whole

// How much memory a page takes, as the browser counts it itself: the dumps of its memory-infra.
// They say for each process what it has to itself at the moment (the "memory footprint"
// of the browser's task manager), and how much was resident at most since the dump before:
// no peak is missed between two samples. Both count everything in the process: pages, workers,
// modules, buffers, compiled code. performance.measureUserAgentSpecificMemory() would not do:
// Chromium 156 leaves out WebAssembly's memory.

const traceConfig = {
  includedCategories: ['disabled-by-default-memory-infra'],
  excludedCategories: ['*'],
  memoryDumpConfig: { triggers: [] },
}

const hex = (text) => Number.parseInt(text, 16)

/**
 * By process id, in bytes: what the process has to itself, and the most that was resident since
 * the last dump. Waits until the page's workers have ended: one that does not answer would hold
 * the dump up for 15 s.
 */
export async function dump(page) {
  const browser = page.context().browser()
  await Promise.all(page.workers().map((worker) => worker.waitForEvent('close')))
  const cdp = await browser.newBrowserCDPSession()
  const events = []
  cdp.on('Tracing.dataCollected', ({ value }) => events.push(...value))
  const ended = new Promise((resolve) => cdp.once('Tracing.tracingComplete', resolve))
  await cdp.send('Tracing.start', { transferMode: 'ReportEvents', traceConfig })
  await cdp.send('Tracing.requestMemoryDump', { levelOfDetail: 'background' })
  await cdp.send('Tracing.end')
  await ended
  await cdp.detach()
  const processes = new Map()
  for (const { pid, args } of events) {
    const totals = args?.dumps?.process_totals
    if (!totals) continue
    if (!totals.is_peak_rss_resettable) throw new Error('peaks cannot be reset on this system')
    const footprint = hex(totals.private_footprint_bytes)
    processes.set(pid, { footprint, peak: hex(totals.peak_resident_set_size) })
  }
  return processes
}

/** The same while nothing happens: the peak is what is resident now. */
export async function calm(page) {
  await dump(page)
  return dump(page)
}

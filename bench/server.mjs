// The benchmark's own server on 127.0.0.1: engines, peers and models. Cross-origin isolated,
// so that there are threads; no content security policy, because peers start workers from blobs;
// nothing is kept by the browser, so that every load is one.
import { inRoot } from '../tools/lib/paths.mjs'
import { serve } from '../tools/lib/server.mjs'

const mounts = {
  '/engines/': inRoot('bench', 'engines'),
  '/sotto/': inRoot('js'),
  '/wllama/': inRoot('bench', 'node_modules', '@wllama', 'wllama', 'esm'),
  '/models/': inRoot('models'),
}

export const serveBench = () =>
  serve({ mounts, more: { 'Content-Security-Policy': 'base-uri *', 'Cache-Control': 'no-store' } })

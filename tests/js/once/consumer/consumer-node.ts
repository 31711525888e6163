// What only Node.js has, in strict TypeScript. It is compiled, not run.
import { type CachedFile, LIMITS, loadModel, openModelCache } from 'sotto'

export async function forget(cacheDir: string, url: string): Promise<number> {
  const files: CachedFile[] = await openModelCache(cacheDir).list()
  await openModelCache(cacheDir).delete(url)
  const engine = await loadModel(url, { cacheDir, n_ctx: LIMITS.n_ctx.max, cache_type_k: 'q8_0' })
  await engine.dispose()
  return files.length
}

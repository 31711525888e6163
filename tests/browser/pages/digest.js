// As logitsDigest in tests/js/lib/models.js.
export const prompt = 'A river runs past 12 old houses; it does not stop.'

export async function logitsDigest(engine, request = {}) {
  const defaults = { prompt, max_tokens: 8, temperature: 0, ignore_eos: true }
  const parts = []
  for await (const { logits } of engine.logits({ ...defaults, ...request })) parts.push(logits)
  const bytes = await new Blob(parts).arrayBuffer()
  const sum = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  const hex = Array.from(sum, (byte) => byte.toString(16).padStart(2, '0'))
  return { digest: hex.join(''), steps: parts.length }
}

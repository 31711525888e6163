// Rows divided by their root mean square, in double precision.

export const EPS = Math.fround(1e-5)

/** x / its root mean square * weight, in doubles. */
export function rmsNorm(x, weight, eps = EPS) {
  const squares = x.reduce((sum, value) => sum + value * value, 0)
  const r = 1 / Math.sqrt(squares / x.length + eps)
  return Array.from(x, (value, i) => value * r * weight[i])
}

/** Each `dim` numbers of x normed. */
export const rowsNormed = (x, dim, weight) =>
  Array.from({ length: x.length / dim }, (_, t) =>
    rmsNorm(x.subarray(t * dim, (t + 1) * dim), weight),
  ).flat()

/** How often to divide what is not normed yet by its root mean square. */
export const rootsOf = (x, dim) =>
  Array.from({ length: x.length / dim }, (_, t) => {
    const squares = x
      .subarray(t * dim, (t + 1) * dim)
      .reduce((sum, value) => sum + value * value, 0)
    return 1 / Math.sqrt(squares / dim + EPS)
  })

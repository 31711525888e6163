// The shape of the JSON that `npm run bench -- --json FILE` writes, and a check of it.

const number = (value) => Number.isFinite(value) || 'a finite number'
const text = (value) => typeof value === 'string' || 'text'
const flag = (value) => typeof value === 'boolean' || 'true or false'
const orNull = (rule) => (value, path) => value === null || rule(value, path)
const oneOf =
  (...values) =>
  (value) =>
    values.includes(value) || `one of ${values.join(', ')}`

/** A rule returns true, what it wants, or a list of problems further down. */
const list = (rule) => (value, path) => {
  if (!Array.isArray(value)) return 'a list'
  return problems(value.map((item, i) => [item, rule, `${path}[${i}]`]))
}
const record = (rule) => (value, path) => {
  if (typeof value !== 'object' || value === null) return 'an object'
  return problems(Object.entries(value).map(([key, item]) => [item, rule, `${path}.${key}`]))
}
const object = (rules) => (value, path) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'an object'
  const unknown = Object.keys(value).filter((key) => !(key in rules))
  const found = problems(
    Object.entries(rules).map(([key, rule]) => [value[key], rule, `${path}.${key}`]),
  )
  const more = unknown.map((key) => `${path}.${key}: is not in the schema`)
  return more.length || found !== true ? [...(found === true ? [] : found), ...more] : true
}

function problems(items) {
  const found = items.flatMap(([value, rule, path]) => {
    const result = rule(value, path)
    if (result === true) return []
    return Array.isArray(result) ? result : [`${path}: must be ${result}`]
  })
  return found.length ? found : true
}

const summaryFields = { n: number, median: number, min: number, max: number }

const caseRule = object({
  id: text,
  file: text,
  file_bytes: number,
  weight_bytes: number,
  bytes_per_token: number,
  others_share: number,
  contenders: list(
    object({ id: text, label: text, threads: orNull(number), variant: orNull(text) }),
  ),
  results: list(
    object({
      metric: text,
      unit: oneOf('tok/s', 'ms', 'MB'),
      contender: text,
      samples: list(object({ round: number, value: number, others: number })),
      ...summaryFields,
    }),
  ),
  comparisons: list(
    object({
      metric: text,
      host: text,
      peer: text,
      ratio: object(summaryFields),
      target: orNull(
        object({ must: number, stretch: number, met: oneOf('stretch', 'must', 'missed') }),
      ),
    }),
  ),
  checks: list(
    object({
      check: text,
      host: text,
      value: number,
      unit: text,
      bound: orNull(number),
      met: flag,
    }),
  ),
  failures: list(object({ contender: text, message: text })),
})

const runRule = object({
  schema: oneOf(1),
  created: text,
  command: list(text),
  sotto: text,
  threads: number,
  rounds: number,
  quick: flag,
  machine: object({
    cpu: text,
    cores: number,
    l3_cache: orNull(text),
    flags: list(text),
    memory_gb: number,
    system: text,
  }),
  engines: record(text),
  missing: list(object({ id: text, why: text })),
  limits: list(
    object({ threads: number, read_bytes_per_s: number, dot_macs_per_s: number, relaxed: flag }),
  ),
  sizes: orNull(object({ sotto: number, wllama: number, ratio: number, bound: number, met: flag })),
  cases: list(caseRule),
})

/** What is wrong with a run's JSON: an empty list if nothing is. */
export function schemaProblems(run) {
  const result = runRule(run, 'run')
  return result === true ? [] : [result].flat()
}

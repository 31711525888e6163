// README's tables of what runs: made of the lists that the code itself uses, between two comments,
//   <!-- table: families -->
//   <!-- end of the table -->
// `npm run format` writes them, the lint compares.
import { read } from './source.mjs'

/** The rows of an X-macro's file: each a list of arguments, strings without their quotes. */
export function rows(root, path, macro) {
  const text = read(root, path).replace(/\/\*[\s\S]*?\*\//g, '')
  const calls = text.matchAll(new RegExp(`^${macro}\\(([\\s\\S]*?)\\)\\s*$`, 'gm'))
  const found = Array.from(calls, ([, list]) =>
    Array.from(list.matchAll(/"([^"]*)"|[^\s,"]+/g), ([word, string]) => string ?? word),
  )
  if (!found.length) throw new Error(`${path}: no row ${macro}(…)`)
  return found
}

const table = (head, lines) =>
  [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n')

const code = (name) => `\`${name}\``

const tables = {
  families: (root) =>
    table(
      ['`general.architecture`', 'models'],
      rows(root, 'src/arch/archs.def', 'X').map(([name, models]) => [code(name), models]),
    ),

  formats: (root) => {
    const formats = rows(root, 'src/tensor/dtypes.def', 'X').map(([, , name, weights, bytes]) => ({
      name,
      bits: (8 * bytes) / weights,
    }))
    return table(
      ['weights', ...formats.map(({ name }) => name)],
      [['bits each', ...formats.map(({ bits }) => Number(bits.toFixed(4)))]],
    )
  },

  tokenizers: (root) => {
    const names = rows(root, 'src/tokenizer/pretokenizers.def', 'SOTTO_PRETOKENIZER')
    const pre = names.map(([name]) => code(name)).join(', ')
    return table(
      ['`tokenizer.ggml.model`', 'tokenizer', '`tokenizer.ggml.pre`'],
      rows(root, 'src/tokenizer/models.def', 'SOTTO_TOKENIZER_MODEL').map(
        ([name, title, , , choice]) => [code(name), title, choice === 'by_name' ? pre : ''],
      ),
    )
  },
}

const place = /(<!-- table: (\w+) -->\n)[\s\S]*?(<!-- end of the table -->)/g

/** README as it should be. */
export function readmeWithTables(root) {
  const missing = new Set(Object.keys(tables))
  const text = read(root, 'README.md').replace(place, (_, before, name, after) => {
    if (!missing.delete(name)) throw new Error(`README.md: no table ${name}, or a second one`)
    return `${before}\n${tables[name](root)}\n\n${after}`
  })
  if (missing.size) throw new Error(`README.md: no place for the table ${[...missing].join(', ')}`)
  return text
}

export const checkTables = (root) =>
  readmeWithTables(root) === read(root, 'README.md')
    ? []
    : ['README.md: its tables are not those of the code; `npm run format` writes them']

// Calls that src/ does not make: it prints nothing, ends no process, opens no file, allocates
// through one function, and takes no function from libm whose result differs between hosts.
import { eachMatch, filesUnder, read, stripC } from './source.mjs'

const rules = [
  {
    why: 'src/ neither prints nor ends the process: return a status and a message',
    names: `printf fprintf vprintf vfprintf puts fputs putchar perror
      exit _Exit quick_exit abort assert raise signal setjmp longjmp`,
  },
  {
    why: 'src/ opens no file and asks the system for nothing: hosts push bytes in',
    names: 'fopen fdopen freopen fread fwrite fclose getenv setlocale system rand srand time',
  },
  {
    why: 'allocation goes through src/base/alloc.c',
    names: 'malloc calloc realloc free aligned_alloc posix_memalign strdup strndup alloca',
    except: /^src\/base\/alloc\w*\.c$/,
  },
  {
    why: 'libm differs between hosts: use our own functions from kernels/',
    names: [
      'exp exp2 expm1 log log2 log10 log1p pow sin cos tan asin acos atan atan2',
      'sinh cosh tanh asinh acosh atanh cbrt hypot erf erfc tgamma lgamma fma sincos',
    ]
      .join(' ')
      .replace(/\w+/g, '$& $&f $&l'),
  },
].map((rule) => ({ ...rule, pattern: callOf(rule.names.trim().split(/\s+/)) }))

/** A call by that name; neither a member (`x->free(…)`) nor part of a longer name. */
function callOf(names) {
  return new RegExp(`(?<![\\w.>])(${names.join('|')})\\s*\\(`, 'g')
}

export function checkBanned(root) {
  const problems = []
  for (const path of filesUnder(root, 'src', /\.(c|h|inc|def)$/)) {
    const text = stripC(read(root, path))
    for (const { why, pattern, except } of rules) {
      if (except?.test(path)) continue
      eachMatch(text, pattern, ([, name], line) => {
        problems.push(`${path}:${line}: ${name}(): ${why}`)
      })
    }
  }
  return problems
}

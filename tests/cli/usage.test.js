// Every way of using the options wrongly: exit code 2 and a message that says what to write.
import { test } from 'node:test'
import { failsWith } from './command.js'

const model = ['-m', 'models/tiny/tiny-f32.gguf']
const run = ['run', ...model]

/** [arguments, message] */
const cases = [
  // options themselves
  [['run'], '-m (--model) is missing; add -m FILE'],
  [['bench', '-p', '16'], '-m (--model) is missing; add -m FILE'],
  [[...run, '--frobnicate'], "unknown option '--frobnicate'; 'sotto run --help' lists all"],
  [
    [...run, '--tmp', '1'],
    "unknown option '--tmp'; did you mean '--temp'? 'sotto run --help' lists all",
  ],
  [
    ['inspect', ...model, '--jsn'],
    "unknown option '--jsn'; did you mean '--json'? 'sotto inspect --help' lists all",
  ],
  [['chat', ...model, '--json'], "unknown option '--json'; 'sotto chat --help' lists all"],
  [
    [...run, '-p', 'two', 'words'],
    "unexpected argument 'words'; a text of several words needs quotes, and every value follows " +
      "its option: 'sotto run --help'",
  ],
  [[...run, '-p'], '-p needs a value: -p TEXT'],
  [[...run, '--temp'], '--temp needs a value: --temp X'],
  [
    ['run', '-m', '-p', 'hello'],
    "-m needs a value: -m FILE, not the option '-p' (write --model=-p if that is the value)",
  ],
  [[...run, '--json=yes'], '--json takes no value'],

  // numbers
  [[...run, '-n', 'many'], "-n: 'many' is not a whole number"],
  [[...run, '-n', '1.5'], "-n: '1.5' is not a whole number"],
  [[...run, '-n', ''], "-n: '' is not a whole number"],
  [[...run, '-n', ' 1'], "-n: ' 1' is not a whole number"],
  [[...run, '-n', '-2'], '-n: -2 is out of range; give a number from -1 to 1000000000'],
  [
    [...run, '--n-predict=99999999999999999999'],
    '--n-predict: 99999999999999999999 is out of range; give a number from -1 to 1000000000',
  ],
  [[...run, '--temp', 'hot'], "--temp: 'hot' is not a number"],
  [[...run, '--temp', 'nan'], "--temp: 'nan' is not a number"],
  [[...run, '--temp', '-1'], '--temp: -1 is out of range; give a number from 0 to 100'],
  [[...run, '--top-p', '1.01'], '--top-p: 1.01 is out of range; give a number from 0 to 1'],
  [[...run, '--min-p', 'inf'], '--min-p: inf is out of range; give a number from 0 to 1'],
  [[...run, '--typical', '2'], '--typical: 2 is out of range; give a number from 0 to 1'],
  [
    [...run, '--repeat-penalty', '0'],
    '--repeat-penalty: 0 is out of range; give a number from 0.01 to 100',
  ],
  [[...run, '-s', '1e3'], "-s: '1e3' is not a whole number"],
  [
    [...run, '--seed', '-2'],
    '--seed: -2 is out of range; give a number from -1 to 9007199254740991',
  ],
  [[...run, '-t', '4'], '-t: 4: the command runs on one thread; leave the option out'],
  [
    [...run, '--logprobs', '21', '--json'],
    '--logprobs: 21 is out of range; give a number from 0 to 20',
  ],

  // other values
  [
    [...run, '--variant', 'avx2'],
    "--variant: 'avx2' is none of auto|scalar|simd128|" +
      'relaxed|relaxed_i32|relaxed_i16|relaxed_s8|relaxed_u8',
  ],
  [[...run, '--backend', 'gpu'], "--backend: 'gpu' is none of cpu|naive"],
  [
    [...run, '--memory-budget', '1T'],
    "--memory-budget: '1T' is not a size; write bytes, or a number with K, M or G, as in 512M",
  ],
  [
    [...run, '--memory-budget', '-1'],
    '--memory-budget: -1 is out of range; give a number from 0 to 9007199254740991',
  ],
  [[...run, ...Array(65).fill(['-r', 'x']).flat()], '-r: at most 64 of them are taken'],
  ...['5', '+1', '5*2', '5+', '5+x', '5--1', '5+inf', '99999999999+1'].map((bias) => [
    [...run, '--logit-bias', bias],
    `--logit-bias: '${bias}' is not a token id, a sign and a number, as in 15043+1 or 2-inf`,
  ]),
  [[...run, '-r', ''], '-r: the text is empty'],
  [
    ['bench', ...model, '-p', '16,,32'],
    "-p: '16,,32' is not a list of whole numbers, as in 128,512",
  ],
  [
    ['bench', ...model, '-n', '2000000'],
    '-n: 2000000 is out of range; give a number from 0 to 1048576',
  ],
  [['bench', ...model, '-o', 'xml'], "-o: 'xml' is none of md|json|csv"],

  // options that exclude or need each other
  [[...run, '-p', 'x', '-f', 'y'], '-p and -f exclude each other; give one'],
  [[...run, '-p', 'x', '--raw', '-cnv'], '--conversation and --raw exclude each other; give one'],
  [
    [...run, '-p', 'x', '--raw', '-sys', 'y'],
    '--raw uses no chat template: leave out --system-prompt',
  ],
  [
    [...run, '-p', 'x', '--raw', '--chat-template-file', 'y'],
    '--raw uses no chat template: leave out --chat-template',
  ],
  [
    [...run, '-p', 'x', '--chat-template', 'a', '--chat-template-file', 'b'],
    '--chat-template and --chat-template-file exclude each other; give one',
  ],
  [[...run, '-p', 'x', '--logprobs', '2'], '--logprobs is part of the JSON output; add --json'],
  [
    ['tokenize', ...model, '-p', '1', '--decode', '--ids'],
    '--decode prints text: leave out --ids, --json and --show-count',
  ],
  [['tokenize', ...model, '-p', '1', '--stdin'], '--stdin excludes -p and -f; give one'],
  [
    ['tokenize', ...model, '-p', '1 two 3', '--decode'],
    "--decode: 'two' is not a token id; write ids as in [1, 2, 3]",
  ],
  [['bench', ...model, '-p', '0', '-n', '0'], 'nothing to time: -p and -n are both 0'],
]

for (const [args, message] of cases) {
  test(`sotto ${args.map((arg) => arg || "''").join(' ')}`, () => failsWith(2, message, args))
}

/* Every option of every command: name, type, place in cli_args, range and help. Names and meanings
 * are llama.cpp's where it has the option. */
#include "cli.h"

#define AT(field)          .offset = offsetof(cli_args, field)
#define WITHIN(low, high)  .min = (low), .max = (high)
#define LIMITED(name)      .range = &sotto_limits[SOTTO_LIMIT_##name]
#define GROUP(title, list) {title, list, sizeof(list) / sizeof(list[0])}

#define MANY 1e9 /* keeps sums of two within 32 bits */

/* Words of the core's own lists, with | between them. */
static const char variants[] = "auto"
#define VARIANT(NAME, name, family) "|" #name
#define FAMILY(NAME, name)          "|" #name
#include "kernels/variants.def"
#undef VARIANT
#undef FAMILY
    ;
static const char cache_types[] = /* behind the first | */
#define K(NAME, name) "|" #name
#include "kernels/kv_types.def"
#undef K
    ;

/* clang-format off */
static const cli_option model[] = {
    {{"-m", "--model"}, CLI_TEXT, AT(model), "FILE", .required = true,
     .help = "GGUF file; of a model split in several, any part"},
    {{"-c", "--ctx-size"}, CLI_U32, AT(engine.n_ctx), "N", LIMITED(n_ctx),
     .help = "positions in the context, n_ctx (default: what the model was trained for, at "
             "most 4096; perplexity: 512; bench: what the tests need)"},
    {{"-b", "--batch-size"}, CLI_U32, AT(engine.n_batch), "N", LIMITED(n_batch),
     .help = "prompt tokens in one pass (default: 128; with models that take texts whole, the "
             "context)"},
    {{"--variant"}, CLI_CHOICE, AT(engine.variant), variants,
     .help = "kernels; all give the same bits", .shows_default = true},
    {{"--backend"}, CLI_CHOICE, AT(engine.backend), "cpu|naive",
     .help = "naive: plain float32, slow, the reference", .shows_default = true},
    {{"-ctk", "--cache-type-k"}, CLI_CHOICE, AT(engine.cache_type_k), cache_types + 1,
     .help = "what the KV cache keeps keys in; q8_0 takes half of f16's memory",
     .shows_default = true},
    {{"-ctv", "--cache-type-v"}, CLI_CHOICE, AT(engine.cache_type_v), cache_types + 1,
     .help = "the same for values", .shows_default = true},
    {{"--memory-budget"}, CLI_BYTES, AT(engine.memory_budget), "SIZE", LIMITED(memory_budget),
     .help = "bytes that may be used in all, K, M or G behind the number; a model that needs "
             "more is refused before it is loaded; 0: no limit"},
    {{"-t", "--threads"}, CLI_U32, AT(threads), "N", WITHIN(1, 1),
     .help = "accepted for llama.cpp's sake: only 1",
     .limit = "the command runs on one thread; leave the option out"},
};
const cli_option_group cli_model_options = GROUP("Model", model);

static const cli_option prompt[] = {
    {{"-p", "--prompt"}, CLI_TEXT, AT(prompt), "TEXT",
     .help = "the prompt; without -p and -f it is read from standard input"},
    {{"-f", "--file"}, CLI_TEXT, AT(file), "FILE",
     .help = "read the prompt from a file (- is standard input), without the end of its last "
             "line"},
    {{"-e", "--escape"}, CLI_FLAG, AT(escape),
     .help = "\\n, \\t, \\r, \\\\, \\\" and \\' in -p, -sys and -r stand for one character"},
    {{"-cnv", "--conversation"}, CLI_FLAG, AT(conversation),
     .help = "insist on the chat template: fail when the model has none"},
    {{"-no-cnv", "--no-conversation", "--raw"}, CLI_FLAG, AT(raw),
     .help = "continue the prompt as plain text, without the chat template"},
    {{"--parse-special"}, CLI_FLAG, AT(parse_special),
     .help = "with --raw: the prompt is trusted, special tokens in it count"},
};
const cli_option_group cli_prompt_options = GROUP("Prompt", prompt);

static const cli_option system_[] = {
    {{"--sys", "-sys", "--system-prompt"}, CLI_TEXT, AT(system), "TEXT",
     .help = "system message, in front of the conversation"},
    {{"--chat-template"}, CLI_TEXT, AT(chat_template), "TEMPLATE",
     .help = "use this template instead of the model's: its text, or the name of another that the "
             "model has (tool_use, rag)"},
    {{"--chat-template-file"}, CLI_TEXT, AT(chat_template_file), "FILE",
     .help = "the same, read from a file"},
};
const cli_option_group cli_system_options = GROUP("Conversation", system_);

static const cli_option generate[] = {
    {{"-n", "--predict", "--n-predict"}, CLI_I32, AT(n_predict), "N", LIMITED(max_tokens),
     .help = "tokens to generate at most; -1: to the end of the context", .shows_default = true},
    {{"-r", "--reverse-prompt"}, CLI_TEXTS, AT(stops), "TEXT", LIMITED(n_stop),
     .help = "stop where this text appears (may be repeated)"},
    {{"--ignore-eos"}, CLI_FLAG, AT(ignore_eos),
     .help = "go on behind tokens that end a turn"},
    {{"-sp", "--special"}, CLI_FLAG, AT(special),
     .help = "show control tokens in the output"},
    {{"--no-prompt-lookup"}, CLI_FLAG, AT(no_prompt_lookup),
     .help = "draft no tokens from earlier text: the same answer, one pass a token"},
};
const cli_option_group cli_generate_options = GROUP("Generation", generate);

static const cli_option sampling[] = {
    {{"-s", "--seed"}, CLI_I64, AT(seed), "N", WITHIN(-1, 9007199254740991.0),
     .help = "seed of the random numbers; -1: a new one each time", .shows_default = true},
    {{"--temp", "--temperature"}, CLI_F32, AT(request.sampling.temperature), "X",
     LIMITED(temperature),
     .help = "temperature; 0: always the most likely token", .shows_default = true},
    {{"--top-k"}, CLI_I32, AT(request.sampling.top_k), "N", LIMITED(top_k),
     .help = "keep the N most likely tokens; 0: off", .shows_default = true},
    {{"--top-p"}, CLI_F32, AT(request.sampling.top_p), "X", LIMITED(top_p),
     .help = "keep the fewest tokens of this probability in all; 1: off", .shows_default = true},
    {{"--min-p"}, CLI_F32, AT(request.sampling.min_p), "X", LIMITED(min_p),
     .help = "drop tokens less likely than X times the best; 0: off", .shows_default = true},
    {{"--typical", "--typical-p"}, CLI_F32, AT(request.sampling.typical_p), "X", LIMITED(typical_p),
     .help = "locally typical sampling; 1: off", .shows_default = true},
    {{"--repeat-penalty"}, CLI_F32, AT(request.sampling.repeat_penalty), "X",
     LIMITED(repeat_penalty),
     .help = "penalty of repeated tokens; 1: off", .shows_default = true},
    {{"--repeat-last-n"}, CLI_I32, AT(request.sampling.repeat_last_n), "N", LIMITED(repeat_last_n),
     .help = "tokens that the penalties look back; 0: off, -1: all", .shows_default = true},
    {{"--presence-penalty"}, CLI_F32, AT(request.sampling.presence_penalty), "X",
     LIMITED(presence_penalty),
     .help = "taken from the logit of every token seen before", .shows_default = true},
    {{"--frequency-penalty"}, CLI_F32, AT(request.sampling.frequency_penalty), "X",
     LIMITED(frequency_penalty),
     .help = "the same, for each time that it was seen", .shows_default = true},
    {{"-l", "--logit-bias"}, CLI_BIAS, AT(biases), "TOKEN(+/-)BIAS", LIMITED(logit_bias),
     .help = "make a token id more or less likely: 15043+1, 15043-1, 2-inf (may be repeated)"},
};
const cli_option_group cli_sampling_options = GROUP("Sampling", sampling);

static const cli_option state[] = {
    {{"--load-state"}, CLI_TEXT, AT(load_state), "FILE",
     .help = "put a saved KV cache in place: a prompt that begins with its tokens starts "
             "behind them"},
    {{"--save-state"}, CLI_TEXT, AT(save_state), "FILE",
     .help = "save the KV cache at the end; any host reads it for the same model and cache types"},
};
const cli_option_group cli_state_options = GROUP("State", state);

static const cli_option run_output[] = {
    {{"--json"}, CLI_FLAG, AT(json),
     .help = "one JSON object with text, usage and timings instead of the text"},
    {{"--logprobs"}, CLI_I32, AT(logprobs), "N", LIMITED(top_logprobs),
     .help = "with --json: log-probability and bytes of each token and of the N best"},
};
const cli_option_group cli_run_output_options = GROUP("Output", run_output);

static const cli_option verbose[] = {
    {{"-v", "--verbose"}, CLI_FLAG, AT(verbose),
     .help = "report loading, memory and timings on standard error"},
};
const cli_option_group cli_verbose_options = GROUP("Messages", verbose);

static const cli_option file[] = {
    {{"-p", "--prompt"}, CLI_TEXT, AT(prompt), "TEXT",
     .help = "the text"},
    {{"-f", "--file"}, CLI_TEXT, AT(file), "FILE",
     .help = "read it from a file (- is standard input)"},
};
const cli_option_group cli_file_options = GROUP("Text", file);

static const cli_option embed[] = {
    {{"-p", "--prompt"}, CLI_TEXT, AT(prompt), "TEXT",
     .help = "one text"},
    {{"-f", "--file"}, CLI_TEXT, AT(file), "FILE",
     .help = "a text a line (- is standard input)"},
    {{"--json"}, CLI_FLAG, AT(json),
     .help = "OpenAI's list of embeddings"},
};
const cli_option_group cli_embed_options = GROUP("Texts", embed);

static const cli_option tokenize[] = {
    {{"--stdin"}, CLI_FLAG, AT(stdin_text),
     .help = "read the text from standard input"},
    {{"--ids"}, CLI_FLAG, AT(ids),
     .help = "print the ids alone: [1, 2, 3]"},
    {{"--decode"}, CLI_FLAG, AT(decode),
     .help = "the other way: from such a list to text"},
    {{"--no-bos"}, CLI_FLAG, AT(no_bos),
     .help = "add no BOS or EOS, even if the model wants them"},
    {{"--parse-special"}, CLI_FLAG, AT(parse_special),
     .help = "recognise special tokens in the text; with --decode, show them"},
    {{"--show-count"}, CLI_FLAG, AT(show_count),
     .help = "print the number of tokens at the end"},
    {{"--json"}, CLI_FLAG, AT(json),
     .help = "one JSON object: ids, tokens, count"},
};
const cli_option_group cli_tokenize_options = GROUP("Tokens", tokenize);

static const cli_option inspect[] = {
    {{"--json"}, CLI_FLAG, AT(json),
     .help = "one JSON object: model, memory, program"},
};
const cli_option_group cli_inspect_options = GROUP("Output", inspect);

static const cli_option perplexity[] = {
    {{"--chunks"}, CLI_U32, AT(chunks), "N", WITHIN(0, MANY),
     .help = "score the first N windows only; 0: all", .shows_default = true},
    {{"--json"}, CLI_FLAG, AT(json),
     .help = "one JSON object instead of text"},
};
const cli_option_group cli_perplexity_options = GROUP("Scoring", perplexity);

static const cli_option bench[] = {
    {{"-p", "--n-prompt"}, CLI_COUNTS, AT(n_prompts), "N,N…", WITHIN(0, 1048576),
     .help = "lengths of prompts to time (default: 512); 0: none"},
    {{"-n", "--n-gen"}, CLI_COUNTS, AT(n_gens), "N,N…", WITHIN(0, 1048576),
     .help = "numbers of tokens to generate (default: 128); 0: none"},
    {{"-r", "--repetitions"}, CLI_U32, AT(repetitions), "N", WITHIN(1, 10000),
     .help = "times each test is run", .shows_default = true},
    {{"--no-warmup"}, CLI_FLAG, AT(no_warmup),
     .help = "skip the run before each test"},
    {{"-o", "--output"}, CLI_CHOICE, AT(output), "md|json|csv",
     .help = "form of the results", .shows_default = true},
};
const cli_option_group cli_bench_options = GROUP("Tests", bench);

static const cli_option help[] = {
    {{"-h", "--help"}, CLI_FLAG, AT(help),
     .help = "print this text"},
};
const cli_option_group cli_help_options = GROUP("Help", help);
/* clang-format on */

void cli_args_default(cli_args *args, sotto_ctx *ctx) {
  *args = (cli_args){.n_predict = -1, .seed = -1, .logprobs = -1, .threads = 1, .repetitions = 5};
  sotto_engine_options_default(&args->engine);
  args->engine.n_parallel = 1;
  sotto_request_default(&args->request);
  sotto_str_init(&args->stops, ctx);
  sotto_str_init(&args->biases, ctx);
  sotto_str_init(&args->n_prompts, ctx);
  sotto_str_init(&args->n_gens, ctx);
}

void cli_args_free(cli_args *args) {
  sotto_str_free(&args->stops);
  sotto_str_free(&args->biases);
  sotto_str_free(&args->n_prompts);
  sotto_str_free(&args->n_gens);
}

/* The options of every command as tables (tables.c). Parsing, --help and the messages about wrong
 * use all read these tables; nothing else knows an option's name. */
#ifndef SOTTO_WASI_OPTIONS_H
#define SOTTO_WASI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/sotto.h"
#include "base/limits.h"
#include "base/str.h"

struct cli;

typedef enum cli_option_type {
  CLI_FLAG,   /* bool; takes no value */
  CLI_TEXT,   /* const char * */
  CLI_TEXTS,  /* sotto_str: NUL-terminated strings one behind the other; may be repeated */
  CLI_I32,    /* int32_t */
  CLI_U32,    /* uint32_t */
  CLI_I64,    /* int64_t */
  CLI_F32,    /* float */
  CLI_BYTES,  /* uint64_t: a number with K, M or G behind it */
  CLI_CHOICE, /* uint32_t: index into `value`, a list of words with | between them */
  CLI_COUNTS, /* sotto_str of uint32_t: numbers with commas between them */
  CLI_BIAS,   /* sotto_str of sotto_bias: TOKEN+BIAS or TOKEN-BIAS; may be repeated */
} cli_option_type;

typedef struct cli_option {
  const char *names[4]; /* the last one is the most telling: messages and help show it */
  cli_option_type type;
  size_t offset;            /* of the value in cli_args */
  const char *value;        /* what follows, for --help: "FILE", "N" */
  double min, max;          /* of numbers that the core knows nothing of */
  const sotto_limit *range; /* of all others; of texts: how many */
  const char *help;
  const char *limit; /* said when a number is out of range, where the range does not say it all */
  bool required;
  bool shows_default; /* --help ends with the default of this number or choice */
} cli_option;

typedef struct cli_option_group {
  const char *title;
  const cli_option *options;
  size_t count;
} cli_option_group;

typedef struct cli_args {
  sotto_engine_options engine;
  sotto_request request; /* limits and sampling; prompt, biases and stop strings come later */
  const char *model, *prompt, *file, *system;
  const char *chat_template, *chat_template_file;
  const char *save_state, *load_state;
  sotto_str stops;             /* NUL-terminated, one behind the other */
  sotto_str biases;            /* of sotto_bias */
  sotto_str n_prompts, n_gens; /* of uint32_t */
  int32_t n_predict;
  int64_t seed;
  int32_t logprobs; /* -1: none asked for */
  uint32_t threads;
  uint32_t repetitions, output, chunks;
  bool conversation, raw, escape, parse_special, special, ignore_eos, no_prompt_lookup;
  bool json, verbose, help;
  bool stdin_text, ids, decode, no_bos, show_count;
  bool no_warmup;
} cli_args;

/* Groups of options, in tables.c; a command lists those it takes. */
extern const cli_option_group cli_model_options, cli_prompt_options, cli_system_options,
    cli_generate_options, cli_sampling_options, cli_state_options, cli_run_output_options,
    cli_verbose_options, cli_tokenize_options, cli_inspect_options, cli_perplexity_options,
    cli_bench_options, cli_help_options, cli_file_options, cli_embed_options;

void cli_args_default(cli_args *args, sotto_ctx *ctx);
void cli_args_free(cli_args *args);

/* argv[0..argc) behind the command's name into c->args. CLI_USAGE after a message; --help only sets
 * args.help. */
int cli_parse(struct cli *c, int argc, char **argv);
/* Print a command's --help. */
void cli_print_help(struct cli *c);

/* The word of `words` ("a|b|c" by index); its length in *len, NULL behind the last. */
const char *cli_choice_word(const char *words, uint32_t index, size_t *len);
/* How many single-letter edits lead from one name to the other. */
unsigned cli_edit_distance(const char *a, const char *b);

#endif

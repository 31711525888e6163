/* The command `sotto`: dispatch. What a command does is in its own file, what it understands in
 * tables.c. Written for WASI (wasmtime run --dir=FOLDER sotto.wasm …); builds natively too. */
#include <stdio.h>
#include <string.h>

#ifndef __wasi__
#include <signal.h>
#endif

#include "cli.h"

static const cli_option_group *const run_groups[] = {&cli_model_options,      &cli_prompt_options,
                                                     &cli_system_options,     &cli_generate_options,
                                                     &cli_sampling_options,   &cli_state_options,
                                                     &cli_run_output_options, &cli_verbose_options,
                                                     &cli_help_options,       NULL};
static const cli_option_group *const chat_groups[] = {
    &cli_model_options, &cli_system_options,  &cli_generate_options, &cli_sampling_options,
    &cli_state_options, &cli_verbose_options, &cli_help_options,     NULL};
static const cli_option_group *const tokenize_groups[] = {
    &cli_model_options, &cli_file_options, &cli_tokenize_options, &cli_help_options, NULL};
static const cli_option_group *const inspect_groups[] = {&cli_model_options, &cli_inspect_options,
                                                         &cli_help_options, NULL};
static const cli_option_group *const perplexity_groups[] = {
    &cli_model_options,   &cli_file_options, &cli_perplexity_options,
    &cli_verbose_options, &cli_help_options, NULL};
static const cli_option_group *const embed_groups[] = {
    &cli_model_options, &cli_embed_options, &cli_verbose_options, &cli_help_options, NULL};
static const cli_option_group *const bench_groups[] = {
    &cli_model_options, &cli_bench_options, &cli_verbose_options, &cli_help_options, NULL};

static const cli_command commands[] = {
    {"run", "-m FILE [-p TEXT | -f FILE] [options]", "answer a prompt and stop",
     "\nA model with a chat template gets the prompt as a user's message; any other model, and\n"
     "every model with --raw, continues it as text. The answer goes to standard output.",
     run_groups, cli_run},
    {"chat", "-m FILE [options]", "hold a conversation, one message a line of standard input",
     "\nA backslash at the end of a line goes on with the next line. /clear forgets the\n"
     "conversation; /exit or the end of input ends it. Ctrl-C ends the answer, a second one the\n"
     "program; under wasmtime, which passes no signals on, the first one ends the program, unless\n"
     "the launcher (npm run sotto) started it.",
     chat_groups, cli_chat},
    {"tokenize", "-m FILE [-p TEXT | -f FILE | --stdin] [options]",
     "turn text into token ids, or ids into text", NULL, tokenize_groups, cli_tokenize},
    {"inspect", "-m FILE [options]",
     "show metadata, tensors, memory plan and program, from the headers alone", NULL,
     inspect_groups, cli_inspect},
    {"perplexity", "-m FILE [-f FILE | -p TEXT] [options]", "score a text",
     "\nThe text is cut into windows of -c tokens that do not overlap. Each begins with BOS if\n"
     "the model wants one, and every position behind its first is scored.",
     perplexity_groups, cli_perplexity},
    {"embed", "-m FILE [-p TEXT | -f FILE] [options]", "turn texts into vectors",
     "\nA line of numbers for each text; vectors have the length 1. For models that are made for\n"
     "it: their files say how the tokens of a text become one vector (pooling_type).",
     embed_groups, cli_embed},
    {"bench", "-m FILE [-p N,N…] [-n N,N…] [-r N] [options]",
     "time prompts and generation, in tokens per second",
     "\nppN: a prompt of N tokens in passes of -b. tgN: N tokens, one a pass. Mean and standard\n"
     "deviation of -r runs.",
     bench_groups, cli_bench},
};
enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

static const cli_command *find_command(const char *name) {
  for (int i = 0; i < N_COMMANDS; i++) {
    if (strcmp(commands[i].name, name) == 0) return &commands[i];
  }
  return NULL;
}

static void print_commands(FILE *out) {
  fputs("sotto runs language models from GGUF files.\n\nUsage: sotto COMMAND [options]\n\n", out);
  for (int i = 0; i < N_COMMANDS; i++) {
    fprintf(out, "  %-11s %s\n", commands[i].name, commands[i].summary);
  }
  fputs("  help        explain a command: sotto help COMMAND\n\n"
        "'sotto --version' tells the version. Exit codes: 0 done, 1 failed, 2 wrong usage.\n"
        "Under wasmtime the folder of every file must be granted:\n"
        "  wasmtime run --dir=models sotto.wasm run -m models/model.gguf -p \"Hello\"\n",
        out);
}

static int print_version(void) {
  sotto_engine_options options;
  sotto_engine_options_default(&options);
  sotto_engine *engine = sotto_engine_new(&options);
  cli_printf("sotto %s (%s)\n", SOTTO_VERSION, engine ? sotto_engine_variant(engine) : "?");
  sotto_engine_free(engine);
  return CLI_OK;
}

static int unknown_command(const char *name) {
  if (name[0] == '-') {
    return cli_usage_error("the command comes first: sotto run %s …; 'sotto help' lists all", name);
  }
  for (int i = 0; i < N_COMMANDS; i++) {
    if (cli_edit_distance(name, commands[i].name) <= 2) {
      return cli_usage_error("unknown command '%s'; did you mean '%s'? 'sotto help' lists all",
                             name, commands[i].name);
    }
  }
  return cli_usage_error("unknown command '%s'; 'sotto help' lists all", name);
}

static int run_command(const cli_command *command, int argc, char **argv) {
  cli c = {.command = command};
  sotto_ctx_init(&c.ctx, NULL, NULL);
  cli_args_default(&c.args, &c.ctx);
  int code = cli_parse(&c, argc, argv);
  if (code == CLI_OK && c.args.help) {
    cli_print_help(&c);
  } else if (code == CLI_OK) {
    code = command->run(&c);
  }
  cli_args_free(&c.args);
  return code;
}

static int help(int argc, char **argv) {
  if (argc == 0) {
    print_commands(stdout);
    return CLI_OK;
  }
  const cli_command *command = find_command(argv[0]);
  static char option[] = "--help", *arguments[] = {option};
  return command ? run_command(command, 1, arguments) : unknown_command(argv[0]);
}

int main(int argc, char **argv) {
#ifndef __wasi__
  signal(SIGPIPE, SIG_IGN); /* a closed pipe is then a write that fails, as under WASI */
#endif
  if (argc < 2) {
    print_commands(stderr);
    return CLI_USAGE;
  }
  const char *name = argv[1];
  const cli_command *command = find_command(name);
  if (command) return cli_finish(run_command(command, argc - 2, argv + 2));
  if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
    return cli_finish(help(argc - 2, argv + 2));
  }
  if (strcmp(name, "--version") == 0 || strcmp(name, "version") == 0) {
    return cli_finish(print_version());
  }
  return unknown_command(name);
}

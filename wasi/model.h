/* Loading a model's files into an engine. */
#ifndef SOTTO_WASI_MODEL_H
#define SOTTO_WASI_MODEL_H

#include "cli.h"

typedef struct cli_model {
  sotto_engine *engine;
  sotto_model_info info;
  sotto_memory_plan plan;
  int *files; /* descriptors, n_files of them; -1: not open */
  uint32_t n_files;
  double load_ms;
} cli_model;

typedef enum cli_model_part {
  CLI_HEADER, /* metadata and tensor tables: no architecture is asked for */
  CLI_PLAN,   /* tokenizer, program and memory plan */
  CLI_BODY,   /* weights: ready to run */
} cli_model_part;

/* Open the files that -m names and load them as far as `part`. cli_model_close after every call,
 * successful or not. */
int cli_model_open(cli *c, cli_model_part part, cli_model *model);
/* Go on from CLI_HEADER, or from CLI_PLAN. */
int cli_model_plan(cli *c, cli_model *model);
int cli_model_load(cli *c, cli_model *model);
void cli_model_close(cli_model *model);

#endif

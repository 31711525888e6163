/* The table-driven parser: one loop over the arguments, one function per kind of value. */
#include "options.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

const char *cli_choice_word(const char *words, uint32_t index, size_t *len) {
  while (index--) {
    words = strchr(words, '|');
    if (!words) return NULL;
    words++;
  }
  const char *end = strchr(words, '|');
  *len = end ? (size_t)(end - words) : strlen(words);
  return words;
}

unsigned cli_edit_distance(const char *a, const char *b) {
  enum { LONGEST = 40 };
  unsigned row[LONGEST + 1];
  size_t n = strlen(b);
  if (n > LONGEST || strlen(a) > LONGEST) return LONGEST;
  for (size_t j = 0; j <= n; j++) row[j] = (unsigned)j;
  for (size_t i = 0; a[i]; i++) {
    unsigned diagonal = row[0];
    row[0] = (unsigned)i + 1;
    for (size_t j = 0; j < n; j++) {
      unsigned best = diagonal + (a[i] != b[j]);
      if (row[j] + 1 < best) best = row[j] + 1;
      if (row[j + 1] + 1 < best) best = row[j + 1] + 1;
      diagonal = row[j + 1];
      row[j + 1] = best;
    }
  }
  return row[n];
}

/* The option that `arg` names, and whether "=value" is part of it. */
static const cli_option *find(const cli *c, const char *arg, const char **attached) {
  *attached = NULL;
  size_t len = strlen(arg);
  if (strncmp(arg, "--", 2) == 0) {
    const char *equals = strchr(arg, '=');
    if (equals) {
      len = (size_t)(equals - arg);
      *attached = equals + 1;
    }
  }
  for (const cli_option_group *const *group = c->command->groups; *group; group++) {
    for (size_t i = 0; i < (*group)->count; i++) {
      const cli_option *option = &(*group)->options[i];
      for (int k = 0; k < 4 && option->names[k]; k++) {
        if (strlen(option->names[k]) == len && memcmp(option->names[k], arg, len) == 0) {
          return option;
        }
      }
    }
  }
  return NULL;
}

static int unknown(const cli *c, const char *arg) {
  const char *near = NULL;
  unsigned best = 3;
  for (const cli_option_group *const *group = c->command->groups; *group; group++) {
    for (size_t i = 0; i < (*group)->count; i++) {
      for (int k = 0; k < 4 && (*group)->options[i].names[k]; k++) {
        unsigned distance = cli_edit_distance(arg, (*group)->options[i].names[k]);
        if (distance < best && distance + 1 < strlen(arg)) {
          best = distance;
          near = (*group)->options[i].names[k];
        }
      }
    }
  }
  const char *name = c->command->name;
  if (near) {
    return cli_usage_error("unknown option '%s'; did you mean '%s'? 'sotto %s --help' lists all",
                           arg, near, name);
  }
  return cli_usage_error("unknown option '%s'; 'sotto %s --help' lists all", arg, name);
}

static bool in_range(const cli_option *option, double value) {
  const double min = option->range ? option->range->min : option->min;
  const double max = option->range ? option->range->max : option->max;
  return value >= min && value <= max; /* false for NaN */
}

static int out_of_range(const cli_option *option, const char *arg, const char *text) {
  if (option->limit) return cli_usage_error("%s: %s: %s", arg, text, option->limit);
  return cli_usage_error("%s: %s is out of range; give a number from %.16g to %.16g", arg, text,
                         option->range ? option->range->min : option->min,
                         option->range ? option->range->max : option->max);
}

/* The number that the whole of text[0..len) spells. */
static bool whole_number(const char *text, const char *end, int64_t *out) {
  char *stop;
  if (*text != '-' && (*text < '0' || *text > '9')) return false;
  errno = 0;
  long long value = strtoll(text, &stop, 10);
  *out = errno == ERANGE ? (value < 0 ? INT64_MIN : INT64_MAX) : (int64_t)value;
  return stop == end && stop != text;
}

static bool any_number(const char *text, char **stop, double *out) {
  *out = strtod(text, stop);
  return *stop != text && *text != ' ' && !isnan(*out);
}

static int set_bytes(const cli_option *option, const char *arg, const char *text, uint64_t *out) {
  char *stop;
  double value;
  if (any_number(text, &stop, &value)) {
    const char *units = "KMG", *unit = *stop ? strchr(units, *stop & ~0x20) : NULL;
    if (unit && *unit) {
      for (long i = 0; i <= unit - units; i++) value *= 1024;
      stop++;
    }
    if (!*stop) {
      if (!in_range(option, value)) return out_of_range(option, arg, text);
      *out = (uint64_t)value;
      return CLI_OK;
    }
  }
  return cli_usage_error(
      "%s: '%s' is not a size; write bytes, or a number with K, M or G, as in 512M", arg, text);
}

static int set_choice(const cli_option *option, const char *arg, const char *text, uint32_t *out) {
  size_t len;
  const char *word;
  for (uint32_t i = 0; (word = cli_choice_word(option->value, i, &len)) != NULL; i++) {
    if (strlen(text) == len && memcmp(text, word, len) == 0) {
      *out = i;
      return CLI_OK;
    }
  }
  return cli_usage_error("%s: '%s' is none of %s", arg, text, option->value);
}

static int set_counts(const cli *c, const cli_option *option, const char *arg, const char *text,
                      sotto_str *out) {
  out->len = 0;
  for (const char *at = text;; at++) {
    const char *end = at + strcspn(at, ",");
    int64_t value;
    if (!whole_number(at, end, &value)) {
      return cli_usage_error("%s: '%s' is not a list of whole numbers, as in 128,512", arg, text);
    }
    if (!in_range(option, (double)value)) return out_of_range(option, arg, text);
    uint32_t count = (uint32_t)value;
    if (sotto_str_append(out, &count, sizeof count)) return cli_fail_memory(c);
    at = end;
    if (!*at) return CLI_OK;
  }
}

static int add_text(const cli *c, const cli_option *option, const char *arg, const char *text,
                    sotto_str *out) {
  uint32_t count = 1;
  if (!*text) return cli_usage_error("%s: the text is empty", arg);
  for (size_t i = 0; i < out->len; i++) count += out->data[i] == 0;
  if (!in_range(option, count))
    return cli_usage_error("%s: at most %.16g of them are taken", arg, option->range->max);
  return sotto_str_append(out, text, strlen(text) + 1) ? cli_fail_memory(c) : CLI_OK;
}

static int add_bias(const cli *c, const cli_option *option, const char *arg, const char *text,
                    sotto_str *out) {
  char *stop = NULL;
  errno = 0;
  long token = *text >= '0' && *text <= '9' ? strtol(text, &stop, 10) : -1;
  if (token >= 0 && token <= INT32_MAX && !errno && (*stop == '+' || *stop == '-')) {
    double sign = *stop == '+' ? 1 : -1, value;
    const char *number = stop + 1;
    /* Behind the sign comes the bare size: "2--1" is a slip of the hand. */
    if (*number != '+' && *number != '-' && any_number(number, &stop, &value) && !*stop &&
        !(isinf(value) && sign > 0) && (isinf(value) || in_range(option, sign * value))) {
      sotto_bias bias = {(int32_t)token, (float)(sign * value)};
      return sotto_str_append(out, &bias, sizeof bias) ? cli_fail_memory(c) : CLI_OK;
    }
  }
  return cli_usage_error("%s: '%s' is not a token id, a sign and a number, as in 15043+1 or 2-inf",
                         arg, text);
}

static int set(cli *c, const cli_option *option, const char *arg, const char *text) {
  void *field = (char *)&c->args + option->offset;
  int64_t whole = 0;
  double number = 0;
  switch (option->type) {
  case CLI_FLAG: *(bool *)field = true; return CLI_OK;
  case CLI_TEXT: *(const char **)field = text; return CLI_OK;
  case CLI_TEXTS: return add_text(c, option, arg, text, field);
  case CLI_BYTES: return set_bytes(option, arg, text, field);
  case CLI_CHOICE: return set_choice(option, arg, text, field);
  case CLI_COUNTS: return set_counts(c, option, arg, text, field);
  case CLI_BIAS: return add_bias(c, option, arg, text, field);
  case CLI_F32: {
    char *stop;
    if (!any_number(text, &stop, &number) || *stop) {
      return cli_usage_error("%s: '%s' is not a number", arg, text);
    }
    if (!in_range(option, number)) return out_of_range(option, arg, text);
    *(float *)field = (float)number;
    return CLI_OK;
  }
  case CLI_I32:
  case CLI_U32:
  case CLI_I64: break;
  }
  if (!whole_number(text, text + strlen(text), &whole)) {
    return cli_usage_error("%s: '%s' is not a whole number", arg, text);
  }
  if (!in_range(option, (double)whole)) return out_of_range(option, arg, text);
  if (option->type == CLI_I64) *(int64_t *)field = whole;
  if (option->type == CLI_I32) *(int32_t *)field = (int32_t)whole;
  if (option->type == CLI_U32) *(uint32_t *)field = (uint32_t)whole;
  return CLI_OK;
}

static const char *full_name(const cli_option *option) {
  int last = 0;
  while (last < 3 && option->names[last + 1]) last++;
  return option->names[last];
}

static int check_required(const cli *c) {
  for (const cli_option_group *const *group = c->command->groups; *group; group++) {
    for (size_t i = 0; i < (*group)->count; i++) {
      const cli_option *option = &(*group)->options[i];
      if (!option->required || *(const char *const *)((const char *)&c->args + option->offset)) {
        continue;
      }
      return cli_usage_error("%s (%s) is missing; add %s %s", option->names[0], full_name(option),
                             option->names[0], option->value);
    }
  }
  return CLI_OK;
}

int cli_parse(cli *c, int argc, char **argv) {
  for (int i = 0; i < argc; i++) {
    const char *arg = argv[i], *value, *other;
    if (arg[0] != '-' || !arg[1]) {
      return cli_usage_error("unexpected argument '%s'; a text of several words needs quotes, and "
                             "every value follows its option: 'sotto %s --help'",
                             arg, c->command->name);
    }
    const cli_option *option = find(c, arg, &value);
    if (!option) return unknown(c, arg);
    if (option->type == CLI_FLAG) {
      if (value) return cli_usage_error("%s takes no value", full_name(option));
    } else if (!value) {
      /* If the next argument is an option, the value was forgotten. */
      if (i + 1 >= argc) return cli_usage_error("%s needs a value: %s %s", arg, arg, option->value);
      if (find(c, argv[i + 1], &other)) {
        return cli_usage_error("%s needs a value: %s %s, not the option '%s' (write %s=%s if that "
                               "is the value)",
                               arg, arg, option->value, argv[i + 1], full_name(option),
                               argv[i + 1]);
      }
      value = argv[++i];
    }
    char name[64]; /* "--top-p" of "--top-p=2": for messages alone */
    snprintf(name, sizeof name, "%.*s", (int)strcspn(arg, "="), arg);
    int code = set(c, option, name, value);
    if (code) return code;
    if (c->args.help) return CLI_OK;
  }
  return check_required(c);
}

/* Doubles to and from decimal text, the same on every host: correctly rounded reading, and the
 * shortest text that reads back as the same double. */
#ifndef SOTTO_BASE_DECIMAL_H
#define SOTTO_BASE_DECIMAL_H

#include <stddef.h>

/* The double nearest to text[len] (ties to even), which must be written as
 * [-] digits [. digits] [e [+-] digits]; infinity when it is out of range. */
double sotto_decimal_parse(const char *text, size_t len);

/* The fewest digits (no trailing zeros) that read back as the finite v > 0, which is
 * 0.d1d2d3… * 10^*point. Returns how many. */
size_t sotto_decimal_digits(double v, char digits[17], int *point);

#define SOTTO_DECIMAL_SIZE 32
/* v as Python's repr writes it ("1.0", "1e-05", "1e+16", "inf", "nan"), NUL-terminated; the
 * length. */
size_t sotto_decimal_repr(double v, char out[SOTTO_DECIMAL_SIZE]);

#define SOTTO_DECIMAL_FIXED_SIZE 720
#define SOTTO_DECIMAL_FIXED_MAX  340
/* The finite v with `precision` decimals (-340 … 340; negative: rounded to tens, hundreds …),
 * exactly rounded, ties to even, NUL-terminated; the length. */
size_t sotto_decimal_fixed(double v, int precision, char out[SOTTO_DECIMAL_FIXED_SIZE]);

#endif

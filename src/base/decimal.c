/* Decimal text and doubles with exact big-integer arithmetic: small rather than fast. Reading
 * divides bit by bit; writing is the free-format algorithm of Steele & White as told by Burger &
 * Dybvig, "Printing Floating-Point Numbers Quickly and Accurately" (1996). */
#include "base/decimal.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* 771 digits decide every double (the last one standing for all behind it); with the exponents that
 * do not end as 0 or infinity, no intermediate value exceeds 3,800 bits. */
#define MAX_DIGITS 770
#define WORDS      128

typedef struct big { /* sum of w[i] * 2^(32 i); w[n-1] != 0 */
  int n;
  uint32_t w[WORDS];
} big;

static void multiply_add(big *b, uint32_t factor, uint32_t carry) {
  uint64_t c = carry;
  for (int i = 0; i < b->n; i++) {
    c += (uint64_t)b->w[i] * factor;
    b->w[i] = (uint32_t)c;
    c >>= 32;
  }
  if (c && b->n < WORDS) b->w[b->n++] = (uint32_t)c;
}

static void multiply_pow10(big *b, int exponent) {
  for (; exponent >= 9; exponent -= 9) multiply_add(b, 1000000000u, 0);
  for (; exponent > 0; exponent--) multiply_add(b, 10, 0);
}

static void shift_left(big *b, int bits) {
  int words = bits / 32;
  if (b->n && words) {
    if (b->n + words > WORDS) return;
    memmove(b->w + words, b->w, (size_t)b->n * sizeof b->w[0]);
    memset(b->w, 0, (size_t)words * sizeof b->w[0]);
    b->n += words;
  }
  if (bits % 32) multiply_add(b, (uint32_t)1 << bits % 32, 0);
}

static int compare(const big *a, const big *b) {
  if (a->n != b->n) return a->n < b->n ? -1 : 1;
  for (int i = a->n - 1; i >= 0; i--) {
    if (a->w[i] != b->w[i]) return a->w[i] < b->w[i] ? -1 : 1;
  }
  return 0;
}

static void add(big *a, const big *b) {
  uint64_t c = 0;
  int n = a->n > b->n ? a->n : b->n;
  for (int i = 0; i < n; i++) {
    c += (uint64_t)(i < a->n ? a->w[i] : 0) + (i < b->n ? b->w[i] : 0);
    a->w[i] = (uint32_t)c;
    c >>= 32;
  }
  a->n = n;
  if (c && n < WORDS) a->w[a->n++] = (uint32_t)c;
}

static void subtract(big *a, const big *b) { /* a >= b */
  int64_t c = 0;
  for (int i = 0; i < a->n; i++) {
    c += (int64_t)a->w[i] - (i < b->n ? b->w[i] : 0);
    a->w[i] = (uint32_t)c;
    c >>= 32;
  }
  while (a->n && a->w[a->n - 1] == 0) a->n--;
}

static int bit_length(const big *b) {
  return b->n ? 32 * b->n - __builtin_clz(b->w[b->n - 1]) : 0;
}

static big from_u64(uint64_t v) {
  big b;
  b.n = v >> 32 ? 2 : v ? 1 : 0;
  b.w[0] = (uint32_t)v;
  b.w[1] = (uint32_t)(v >> 32);
  return b;
}

static double from_bits(uint64_t bits) {
  double v;
  memcpy(&v, &bits, sizeof v);
  return v;
}

/* (q + something below 1, nonzero if `sticky`) * 2^(exponent - 63), top bit of q set, to nearest.
 */
static double round_to_double(uint64_t q, int exponent, bool sticky) {
  if (exponent > 1023) return from_bits((uint64_t)0x7FF << 52);
  int keep = exponent >= -1022 ? 53 : 53 - (-1022 - exponent);
  if (keep < 0) return 0;
  uint64_t mantissa = keep ? q >> (64 - keep) : 0;
  uint64_t half = (uint64_t)1 << (63 - keep);
  uint64_t rest = q & (half * 2 - 1); /* half * 2 wraps to 0 when nothing is kept */
  if (rest > half || (rest == half && (sticky || (mantissa & 1)))) mantissa++;
  /* A mantissa of 53 bits carries its top bit into the exponent field. */
  uint64_t biased = exponent >= -1022 ? (uint64_t)(exponent + 1022) : 0;
  return from_bits((biased << 52) + mantissa);
}

/* num / den, both positive. */
static double divide(big *num, big *den) {
  int exponent = bit_length(num) - bit_length(den);
  if (exponent > 0) shift_left(den, exponent);
  if (exponent < 0) shift_left(num, -exponent);
  if (compare(num, den) < 0) {
    shift_left(num, 1);
    exponent--;
  }
  uint64_t q = 0;
  for (int i = 0; i < 64; i++) {
    q <<= 1;
    if (compare(num, den) >= 0) {
      subtract(num, den);
      q |= 1;
    }
    shift_left(num, 1);
  }
  return round_to_double(q, exponent, num->n > 0);
}

static const double small_pow10[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                     1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                     1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

double sotto_decimal_parse(const char *text, size_t len) {
  const char *end = text + len;
  bool negative = text < end && *text == '-';
  if (negative) text++;
  big num = {0};
  int64_t exponent = 0;
  int digits = 0;
  bool fraction = false, dropped = false;
  for (; text < end && *text != 'e' && *text != 'E'; text++) {
    if (*text == '.') {
      fraction = true;
      continue;
    }
    if (digits || *text != '0') {
      if (digits < MAX_DIGITS) {
        if (num.n)
          multiply_add(&num, 10, (uint32_t)(*text - '0'));
        else
          num = from_u64((uint64_t)(*text - '0'));
        digits++;
      } else {
        dropped |= *text != '0';
        exponent++;
      }
    }
    if (fraction) exponent--;
  }
  if (text < end) {
    text++;
    bool minus = text < end && *text == '-';
    if (text < end && (*text == '-' || *text == '+')) text++;
    int64_t written = 0;
    for (; text < end; text++) {
      if (written < INT_MAX) written = written * 10 + (*text - '0');
    }
    exponent += minus ? -written : written;
  }
  double v;
  if (dropped) { /* a nonzero digit stands for all those left out */
    multiply_add(&num, 10, 1);
    digits++;
    exponent--;
  }
  if (digits == 0 || digits + exponent < -330) {
    v = 0;
  } else if (digits + exponent > 310) {
    v = from_bits((uint64_t)0x7FF << 52);
  } else if (digits <= 15 && exponent >= -22 && exponent <= 22) { /* exact operands, one rounding */
    v = (double)(num.w[0] | (num.n > 1 ? (uint64_t)num.w[1] << 32 : 0));
    v = exponent < 0 ? v / small_pow10[-exponent] : v * small_pow10[exponent];
  } else {
    big den = from_u64(1);
    if (exponent >= 0)
      multiply_pow10(&num, (int)exponent);
    else
      multiply_pow10(&den, (int)-exponent);
    v = divide(&num, &den);
  }
  return negative ? -v : v;
}

size_t sotto_decimal_digits(double v, char digits[17], int *point) {
  uint64_t bits;
  memcpy(&bits, &v, sizeof bits);
  uint64_t fraction = bits & (((uint64_t)1 << 52) - 1);
  int field = (int)(bits >> 52 & 0x7FF);
  uint64_t f = field ? fraction | (uint64_t)1 << 52 : fraction;
  int e = field ? field - 1075 : -1074;
  bool even = (f & 1) == 0;
  /* v = r / s; the neighbours' midpoints are m_low / s below and m_high / s above. */
  big r = from_u64(f), s = from_u64(1), m_low = from_u64(1), m_high;
  int wide = fraction == 0 && field > 1; /* the gap above is twice the gap below */
  shift_left(&r, 1 + wide + (e > 0 ? e : 0));
  shift_left(&s, 1 + wide + (e < 0 ? -e : 0));
  if (e > 0) shift_left(&m_low, e);
  m_high = m_low;
  shift_left(&m_high, wide);
  /* ceil(log10(v)), at most one too small */
  int log2 = e + 63 - __builtin_clzll(f);
  double estimate = log2 * 0.30102999566398114 - 1e-10;
  int k = (int)estimate;
  if (estimate > k) k++;
  if (k >= 0) {
    multiply_pow10(&s, k);
  } else {
    multiply_pow10(&r, -k);
    multiply_pow10(&m_low, -k);
    multiply_pow10(&m_high, -k);
  }
  big high = r;
  add(&high, &m_high);
  int c = compare(&high, &s);
  if (c > 0 || (c == 0 && even)) {
    k++;
  } else {
    multiply_add(&r, 10, 0);
    multiply_add(&m_low, 10, 0);
    multiply_add(&m_high, 10, 0);
  }
  size_t n = 0;
  for (;;) {
    int digit = 0;
    while (digit < 9 && compare(&r, &s) >= 0) {
      subtract(&r, &s);
      digit++;
    }
    high = r;
    add(&high, &m_high);
    int below = compare(&r, &m_low), above = compare(&high, &s);
    bool low_ok = below < 0 || (below == 0 && even), high_ok = above > 0 || (above == 0 && even);
    if (low_ok || high_ok || n == 16) {
      if (high_ok && low_ok) {
        shift_left(&r, 1);
        int half = compare(&r, &s); /* a tie goes to the even digit, as in Gay's dtoa */
        digit += half > 0 || (half == 0 && digit % 2);
      } else if (high_ok) {
        digit++;
      }
      digits[n++] = (char)('0' + digit);
      break;
    }
    digits[n++] = (char)('0' + digit);
    multiply_add(&r, 10, 0);
    multiply_add(&m_low, 10, 0);
    multiply_add(&m_high, 10, 0);
  }
  *point = k;
  return n;
}

size_t sotto_decimal_repr(double v, char out[SOTTO_DECIMAL_SIZE]) {
  uint64_t bits;
  memcpy(&bits, &v, sizeof bits);
  if (v != v) {
    memcpy(out, "nan", 4);
    return 3;
  }
  char *p = out;
  if (bits >> 63) *p++ = '-';
  v = from_bits(bits & ~((uint64_t)1 << 63));
  char digits[17];
  int point = 1, n = 1;
  if ((bits >> 52 & 0x7FF) == 0x7FF) {
    memcpy(p, "inf", 4);
    return (size_t)(p + 3 - out);
  }
  digits[0] = '0';
  if (v > 0) n = (int)sotto_decimal_digits(v, digits, &point);
  if (point > 16 || point < -3) { /* d.ddde±xx */
    int exponent = point - 1, written = exponent < 0 ? -exponent : exponent;
    *p++ = digits[0];
    if (n > 1) {
      *p++ = '.';
      memcpy(p, digits + 1, (size_t)n - 1);
      p += n - 1;
    }
    *p++ = 'e';
    *p++ = exponent < 0 ? '-' : '+';
    if (written >= 100) *p++ = (char)('0' + written / 100);
    *p++ = (char)('0' + written / 10 % 10);
    *p++ = (char)('0' + written % 10);
  } else {
    if (point <= 0) {
      *p++ = '0';
      *p++ = '.';
      for (int i = point; i < 0; i++) *p++ = '0';
    }
    for (int i = 0; i < n || i < point; i++) {
      if (point > 0 && i == point) *p++ = '.';
      *p++ = i < n ? digits[i] : '0';
    }
    if (n <= point) {
      *p++ = '.';
      *p++ = '0';
    }
  }
  *p = 0;
  return (size_t)(p - out);
}

/* b /= 10^9; the remainder. */
static uint32_t divide_small(big *b) {
  uint64_t rest = 0;
  for (int i = b->n - 1; i >= 0; i--) {
    rest = rest << 32 | b->w[i];
    b->w[i] = (uint32_t)(rest / 1000000000u);
    rest %= 1000000000u;
  }
  while (b->n && b->w[b->n - 1] == 0) b->n--;
  return (uint32_t)rest;
}

size_t sotto_decimal_fixed(double v, int precision, char out[SOTTO_DECIMAL_FIXED_SIZE]) {
  uint64_t bits;
  memcpy(&bits, &v, sizeof bits);
  uint64_t fraction = bits & (((uint64_t)1 << 52) - 1);
  int field = (int)(bits >> 52 & 0x7FF), e = field ? field - 1075 : -1074;
  big num = from_u64(field ? fraction | (uint64_t)1 << 52 : fraction), den = from_u64(1);
  big q = from_u64(0);
  if (e > 0) shift_left(&num, e);
  if (e < 0) shift_left(&den, -e);
  if (precision > 0) multiply_pow10(&num, precision);
  if (precision < 0) multiply_pow10(&den, -precision);
  int shift = bit_length(&num) - bit_length(&den);
  if (shift >= 0) {
    shift_left(&den, shift);
    for (int i = 0; i <= shift; i++) { /* num < 2 den */
      if (q.n) shift_left(&q, 1);
      if (compare(&num, &den) >= 0) {
        subtract(&num, &den);
        if (q.n)
          q.w[0] |= 1;
        else
          q = from_u64(1);
      }
      shift_left(&num, 1);
    }
  } else {
    shift_left(&num, 1);
  }
  int half = compare(&num, &den);
  if (half > 0 || (half == 0 && q.n && (q.w[0] & 1))) {
    big one = from_u64(1);
    add(&q, &one);
  }
  /* Digits from the last to the first, into the end of a buffer. */
  char digits[SOTTO_DECIMAL_FIXED_SIZE];
  int at = SOTTO_DECIMAL_FIXED_SIZE, written = 0;
  bool zero = q.n == 0;
  while (q.n) {
    uint32_t nine = divide_small(&q);
    for (int i = 0; i < 9 && (q.n || nine); i++, nine /= 10) digits[--at] = (char)('0' + nine % 10);
  }
  while (SOTTO_DECIMAL_FIXED_SIZE - at <= (precision > 0 ? precision : 0)) digits[--at] = '0';
  char *p = out;
  if (bits >> 63) *p++ = '-';
  int n = SOTTO_DECIMAL_FIXED_SIZE - at;
  for (; written < n; written++) {
    if (precision > 0 && written == n - precision) *p++ = '.';
    *p++ = digits[at + written];
  }
  for (int i = 0; i < -precision && !zero; i++) *p++ = '0';
  *p = 0;
  return (size_t)(p - out);
}

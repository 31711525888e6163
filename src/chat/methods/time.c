/* strftime_now: the C locale's strftime over a given clock, in UTC. The format keeps its
 * provenance, dates are untrusted. */
#include <stdio.h>

#include "base/utf8.h"
#include "chat/methods/methods.h"

static const char *const weekdays[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                       "Thursday", "Friday", "Saturday"};
static const char *const months[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};

typedef struct calendar {
  int year, month, day, hour, minute, second; /* month from 0, day from 1 */
  int weekday, yearday;                       /* from 0; Sunday is 0 */
} calendar;

/* The date in the Gregorian calendar, computed in eras of 400 years that start on 1 March. */
static calendar from_seconds(int64_t seconds) {
  int64_t days = seconds / 86400, rest = seconds % 86400;
  if (rest < 0) {
    rest += 86400;
    days--;
  }
  int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
  int64_t day = z - era * 146097; /* of the era */
  int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
  int64_t yearday = day - (365 * year + year / 4 - year / 100); /* from 1 March */
  int month = (int)((5 * yearday + 2) / 153);
  calendar c = {.day = (int)(yearday - (153 * month + 2) / 5 + 1)};
  c.month = month < 10 ? month + 2 : month - 10;
  c.year = (int)(year + era * 400 + (c.month <= 1));
  c.hour = (int)(rest / 3600);
  c.minute = (int)(rest / 60 % 60);
  c.second = (int)(rest % 60);
  c.weekday = (int)(((days + 4) % 7 + 7) % 7);
  static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
  bool leap = (c.year % 4 == 0 && c.year % 100 != 0) || c.year % 400 == 0;
  c.yearday = before[c.month] + c.day - 1 + (leap && c.month > 1);
  return c;
}

/* Writes a number of at least `width` digits; the flag '-' leaves out what fills it up. */
static void number(char *out, size_t size, int n, int width, char fill, char flag) {
  if (flag == '-')
    snprintf(out, size, "%d", n);
  else if (fill == ' ')
    snprintf(out, size, "%*d", width, n);
  else
    snprintf(out, size, "%0*d", width, n);
}

/* One conversion; false when it is not supported. */
static bool convert(const calendar *c, char type, char flag, char *out, size_t size) {
  const int hour12 = c->hour % 12 ? c->hour % 12 : 12;
  switch (type) {
  case 'a': snprintf(out, size, "%.3s", weekdays[c->weekday]); return true;
  case 'A': snprintf(out, size, "%s", weekdays[c->weekday]); return true;
  case 'b': snprintf(out, size, "%.3s", months[c->month]); return true;
  case 'B': snprintf(out, size, "%s", months[c->month]); return true;
  case 'd': number(out, size, c->day, 2, '0', flag); return true;
  case 'e': number(out, size, c->day, 2, ' ', flag); return true;
  case 'F': snprintf(out, size, "%d-%02d-%02d", c->year, c->month + 1, c->day); return true;
  case 'H': number(out, size, c->hour, 2, '0', flag); return true;
  case 'I': number(out, size, hour12, 2, '0', flag); return true;
  case 'j': number(out, size, c->yearday + 1, 3, '0', flag); return true;
  case 'm': number(out, size, c->month + 1, 2, '0', flag); return true;
  case 'M': number(out, size, c->minute, 2, '0', flag); return true;
  case 'p': snprintf(out, size, c->hour < 12 ? "AM" : "PM"); return true;
  case 'S': number(out, size, c->second, 2, '0', flag); return true;
  case 'T': snprintf(out, size, "%02d:%02d:%02d", c->hour, c->minute, c->second); return true;
  case 'y': number(out, size, c->year % 100, 2, '0', flag); return true;
  case 'Y': snprintf(out, size, "%d", c->year); return true;
  case '%': snprintf(out, size, "%%"); return true;
  default: return false;
  }
}

sotto_status chat_format_time(runtime *rt, const str *format, value *out) {
  const int64_t now = rt->now;
  if (now < -62135596800 || now > 253402300799) {
    return chat_fail(rt, "strftime_now(): the clock is outside the years 1 to 9999");
  }
  SOTTO_TRY(chat_work(rt, (uint64_t)format->len * CHAT_WORK_STEP));
  calendar c = from_seconds(now);
  builder b;
  const str *result;
  chat_builder_init(&b, rt);
  for (size_t i = 0; i < format->len;) {
    size_t start = i;
    while (i < format->len && format->data[i] != '%') i++;
    SOTTO_TRY(chat_builder_add_sub(&b, format, start, i));
    if (i == format->len) break;
    size_t type = i + 1;
    char flag = type < format->len && format->data[type] == '-' ? format->data[type++] : 0;
    char text[80];
    if (type >= format->len || !convert(&c, format->data[type], flag, text, sizeof text)) {
      uint32_t code_point;
      if (type < format->len)
        type += sotto_utf8_decode(format->data + type, format->len - type, &code_point);
      return chat_fail(rt, "'%.*s' in strftime_now() is not supported", (int)(type - i),
                       format->data + i);
    }
    SOTTO_TRY(chat_builder_add_c(&b, text, false));
    i = type + 1;
  }
  SOTTO_TRY(chat_builder_finish(&b, &result));
  *out = value_string(result);
  return SOTTO_OK;
}

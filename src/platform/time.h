/* Monotonic time, for step budgets and statistics only: no result depends on it. */
#ifndef SOTTO_PLATFORM_TIME_H
#define SOTTO_PLATFORM_TIME_H

/* Milliseconds since some fixed point. */
double sotto_time_ms(void);

#endif

/* Monotonic time in browsers and Node.js. */
#include <emscripten.h>

#include "platform/time.h"

double sotto_time_ms(void) {
  return emscripten_get_now();
}

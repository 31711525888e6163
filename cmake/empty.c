/* Emscripten wants one source file for a target whose code is all in object libraries. */
typedef int sotto_empty;

/*===- memory.c - the functions LLVM may call without being asked ------------
 *
 * An artifact has no libc, yet LLVM turns loops and struct copies into calls of
 * these four. Plain loops: compiled with -fno-builtin so that they do not
 * become calls of themselves, and vectorized for the model's target.
 *
 *===-----------------------------------------------------------------------*/
#include <stddef.h>

void *memcpy(void *restrict destination, const void *restrict source, size_t bytes) {
  char *to = destination;
  const char *from = source;
  for (size_t i = 0; i < bytes; ++i)
    to[i] = from[i];
  return destination;
}

void *memmove(void *destination, const void *source, size_t bytes) {
  char *to = destination;
  const char *from = source;
  if (to == from)
    return destination;
  if (to < from)
    for (size_t i = 0; i < bytes; ++i)
      to[i] = from[i];
  else
    for (size_t i = bytes; i > 0; --i)
      to[i - 1] = from[i - 1];
  return destination;
}

void *memset(void *destination, int value, size_t bytes) {
  char *to = destination;
  for (size_t i = 0; i < bytes; ++i)
    to[i] = (char)value;
  return destination;
}

int memcmp(const void *left, const void *right, size_t bytes) {
  const unsigned char *a = left, *b = right;
  for (size_t i = 0; i < bytes; ++i)
    if (a[i] != b[i])
      return a[i] < b[i] ? -1 : 1;
  return 0;
}

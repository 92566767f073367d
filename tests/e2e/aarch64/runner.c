/*===- runner.c - checks an artifact by its golden vectors -------------------
 *
 * Links an artifact's NAME.o into a program without any other fettle code, so that
 * a foreign architecture can be checked under qemu-user:
 *
 *   aarch64-linux-gnu-gcc -static -DMODEL=NAME_model -I DIR runner.c DIR/NAME.o -o runner -lm
 *   qemu-aarch64 ./runner DIR/NAME.weights DIR/golden [RTOL [ATOL]]
 *
 * Every buffer ends at a guard page, so that an access beyond it is caught.
 * Prints the largest difference of each output. Exit codes: 0 within the
 * tolerance, 3 outside, 4 a file could not be read, 70 the model failed.
 *
 *===-----------------------------------------------------------------------*/
#include "fettle_abi.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

extern const fettle_model MODEL;

/* Zeros of `bytes` bytes that end where a page begins that must not be touched: a kernel that reads or writes past
 * the end of a buffer stops the program. `alignment` is a power of two. */
static void *allocate(int64_t bytes, size_t alignment) {
  const size_t page = 65536; /* a multiple of every machine's page size */
  size_t rounded = ((size_t)bytes + alignment - 1) / alignment * alignment;
  size_t body = (rounded + page - 1) / page * page;
  char *mapping = mmap(NULL, body + 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED || mprotect(mapping, page, PROT_NONE) || mprotect(mapping + page + body, page, PROT_NONE)) {
    fprintf(stderr, "out of memory\n");
    exit(70);
  }
  return mapping + page + body - rounded;
}

/* Reads `bytes` bytes that start at `offset`; the file must end there. */
static void readExactly(const char *path, FILE *file, void *to, int64_t bytes) {
  if (fread(to, 1, (size_t)bytes, file) != (size_t)bytes || fgetc(file) != EOF) {
    fprintf(stderr, "%s: not of the size that the model expects\n", path);
    exit(4);
  }
  fclose(file);
}

static FILE *openFile(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) {
    perror(path);
    exit(4);
  }
  return file;
}

/* The data of FOLDER/ROLE_INDEX.npy (format 1.0); its header is trusted to describe `tensor`. */
static void *readNpy(const char *folder, const char *role, int index, const fettle_tensor *tensor) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s_%d.npy", folder, role, index);
  FILE *file = openFile(path);
  unsigned char start[10];
  if (fread(start, 1, 10, file) != 10 || memcmp(start, "\x93NUMPY\x01", 7) ||
      fseek(file, start[8] | start[9] << 8, SEEK_CUR)) {
    fprintf(stderr, "%s: not a .npy file of format 1.0\n", path);
    exit(4);
  }
  void *data = allocate(tensor->bytes, 1);
  readExactly(path, file, data, tensor->bytes);
  return data;
}

static double halfToDouble(uint16_t bits) {
  int exponent = bits >> 10 & 31;
  double fraction = bits & 1023;
  double magnitude = exponent == 31 ? (fraction ? NAN : INFINITY)
                     : exponent     ? ldexp(fraction + 1024, exponent - 25)
                                    : ldexp(fraction, -24);
  return bits & 0x8000 ? -magnitude : magnitude;
}

static double element(const void *data, int32_t dtype, int64_t i) {
  switch (dtype) {
  case FETTLE_F32:
    return ((const float *)data)[i];
  case FETTLE_F64:
    return ((const double *)data)[i];
  case FETTLE_F16:
    return halfToDouble(((const uint16_t *)data)[i]);
  case FETTLE_BF16: {
    uint32_t bits = (uint32_t)((const uint16_t *)data)[i] << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
  }
  case FETTLE_I8:
  case FETTLE_I4:
    return ((const int8_t *)data)[i];
  case FETTLE_I16:
    return ((const int16_t *)data)[i];
  case FETTLE_U16:
    return ((const uint16_t *)data)[i];
  case FETTLE_I32:
    return ((const int32_t *)data)[i];
  case FETTLE_U32:
    return ((const uint32_t *)data)[i];
  case FETTLE_I64:
    return (double)((const int64_t *)data)[i];
  case FETTLE_U64:
    return (double)((const uint64_t *)data)[i];
  default: /* bool, u8, u4 */
    return ((const uint8_t *)data)[i];
  }
}

static int64_t countElements(const fettle_tensor *tensor) {
  int64_t count = 1;
  for (int32_t axis = 0; axis < tensor->rank; ++axis)
    count *= tensor->dims[axis];
  return count;
}

int main(int argc, char **argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: runner WEIGHTS GOLDEN-FOLDER [RTOL [ATOL]]\n");
    return 2;
  }
  double rtol = argc > 3 ? atof(argv[3]) : 0, atol = argc > 4 ? atof(argv[4]) : 0;
  const fettle_model *model = &MODEL;
  if (model->abi_version != FETTLE_ABI_VERSION)
    return 70;
  void *weights = allocate(model->weights_bytes, 64);
  readExactly(argv[1], openFile(argv[1]), weights, model->weights_bytes);
  const void **inputs = calloc((size_t)model->num_inputs + 1, sizeof *inputs);
  void **outputs = calloc((size_t)model->num_outputs + 1, sizeof *outputs);
  for (int i = 0; i < model->num_inputs; ++i)
    inputs[i] = readNpy(argv[2], "input", i, &model->inputs[i]);
  for (int i = 0; i < model->num_outputs; ++i)
    outputs[i] = allocate(model->outputs[i].bytes, 1);
  fettle_context context = {weights, allocate(model->arena_bytes, 64), NULL, NULL};
  int32_t status = model->run(&context, inputs, outputs);
  if (status != FETTLE_OK) {
    fprintf(stderr, "%s: run returned status %d\n", model->name, (int)status);
    return 70;
  }
  int outside = 0;
  for (int i = 0; i < model->num_outputs; ++i) {
    const fettle_tensor *tensor = &model->outputs[i];
    const void *expected = readNpy(argv[2], "output", i, tensor);
    double largest = 0;
    int64_t wrong = 0;
    for (int64_t k = 0; k < countElements(tensor); ++k) {
      double a = element(outputs[i], tensor->dtype, k), b = element(expected, tensor->dtype, k);
      if (a == b || (isnan(a) && isnan(b)))
        continue;
      double difference = fabs(a - b);
      if (!(difference <= largest))
        largest = difference;
      wrong += !(difference <= atol + rtol * fabs(b));
    }
    printf("%s: output %s: largest difference %g, %lld of %lld elements outside\n", model->name, tensor->name, largest,
           (long long)wrong, (long long)countElements(tensor));
    outside |= wrong != 0;
  }
  return outside ? 3 : 0;
}

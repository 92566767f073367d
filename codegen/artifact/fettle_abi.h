/*===- fettle_abi.h - the C ABI of compiled models ---------------------------
 *
 * A compiled model is one descriptor symbol, `NAME_model`, in an object without
 * undefined symbols. It keeps no state and allocates nothing: the caller gives
 * weights, arena and, if wanted, a parallel_for; any number of calls may run at
 * once, each with an arena of its own.
 *
 *===-----------------------------------------------------------------------*/
#ifndef FETTLE_ABI_H
#define FETTLE_ABI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FETTLE_ABI_VERSION 1
#define FETTLE_MAX_RANK 8

/* Handing a step out and collecting it takes one to three microseconds, the longer where the cores share no cache; a step
 * estimated to be shorter than this is faster without, and runs in the calling thread. */
#define FETTLE_NANOSECONDS_WORTH_SHARING 8000

/* Values are those of ONNX TensorProto.DataType. */
enum fettle_dtype {
  FETTLE_F32 = 1, FETTLE_U8 = 2, FETTLE_I8 = 3, FETTLE_U16 = 4, FETTLE_I16 = 5, FETTLE_I32 = 6, FETTLE_I64 = 7,
  FETTLE_BOOL = 9, FETTLE_F16 = 10, FETTLE_F64 = 11, FETTLE_U32 = 12, FETTLE_U64 = 13, FETTLE_BF16 = 16,
  FETTLE_U4 = 21, FETTLE_I4 = 22 /* one byte for each element */
};

enum fettle_status {
  FETTLE_OK = 0,
  FETTLE_NULL_POINTER = 1,     /* weights, arena, an input or an output is null (and not of zero bytes) */
  FETTLE_MISALIGNED = 2,       /* weights or arena not aligned to 64 bytes */
  FETTLE_OUT_OF_RANGE = 3,     /* run_steps: no such steps */
  FETTLE_NO_SUCH_SHAPE = 4     /* select: the model is not compiled for these input shapes */
};

/* Runs tiles [begin, end) of one kernel. */
typedef void (*fettle_task)(void *task_context, int64_t begin, int64_t end);

/* Must run task over [0, count) in disjoint ranges, on any threads, and return when all are done. */
typedef void (*fettle_parallel_for)(void *context, fettle_task task, void *task_context, int64_t count);

typedef struct {
  const char *name;            /* as in the ONNX graph */
  int32_t dtype;               /* enum fettle_dtype */
  int32_t rank;
  int64_t dims[FETTLE_MAX_RANK];
  int64_t bytes;               /* contiguous, row-major */
} fettle_tensor;

typedef struct {
  const void *weights;         /* the weights file, 64-byte aligned (an mmap will do) */
  void *arena;                 /* arena_bytes, 64-byte aligned */
  fettle_parallel_for parallel_for; /* null: run in the calling thread */
  void *parallel_context;
} fettle_context;

/* Where an argument of a kernel lies. */
enum fettle_space { FETTLE_INPUT = 0, FETTLE_OUTPUT = 1, FETTLE_ARENA = 2, FETTLE_WEIGHTS = 3 };

typedef struct {
  int32_t space;               /* enum fettle_space */
  int32_t index;               /* which input or output; 0 otherwise */
  int64_t offset;              /* bytes */
} fettle_argument;

/* One call of a kernel: kernel(pointers to its arguments, begin, end) for tiles in [0, tiles). */
typedef struct fettle_step {
  const char *name;            /* its ONNX nodes: "Conv_12+Relu_13" */
  const char *kind;            /* what the kernel computes: "conv" */
  fettle_task kernel;
  const fettle_argument *arguments; /* inputs, then outputs */
  int64_t num_arguments;
  int64_t tiles;
  int64_t macs;                /* multiply-adds */
  int64_t bytes;               /* operands read plus results written */
  int64_t nanoseconds;         /* an estimate for one core */
} fettle_step;

typedef struct fettle_model {
  int32_t abi_version;         /* FETTLE_ABI_VERSION */
  int32_t num_inputs, num_outputs, num_kernels;
  const char *name;
  const char *target;
  int64_t arena_bytes, weights_bytes;
  const fettle_tensor *inputs, *outputs;
  /* Runs the model. Returns a fettle_status. Inputs and outputs are in descriptor order, of any alignment. */
  int32_t (*run)(const fettle_context *context, const void *const *inputs, void *const *outputs);
  int32_t num_steps;
  const fettle_step *steps;
  /* For profilers: runs steps [first, last) only. run is run_steps(..., 0, num_steps). */
  int32_t (*run_steps)(const fettle_context *context, const void *const *inputs, void *const *outputs, int32_t first,
                       int32_t last);
  /* The input shapes that the model is compiled for: one descriptor for each, alike but for the extents of inputs and
   * outputs, the steps, run and run_steps. NAME_model is the first. Weights and arena serve all of them. */
  int32_t num_specializations;
  const struct fettle_model *const *specializations;
  /* Stores the specialization in which input i has the extents dims[i], of which there are inputs[i].rank. Returns a
   * fettle_status; `chosen` is null where it is not FETTLE_OK. */
  int32_t (*select)(const int64_t *const *dims, const struct fettle_model **chosen);
} fettle_model;

#ifdef __cplusplus
}
#endif
#endif

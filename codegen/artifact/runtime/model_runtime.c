/*===- model_runtime.c - runs the steps of a compiled model ------------------
 *
 * Compiled once to target-neutral LLVM bitcode (so: pointers, int32_t and
 * int64_t only) and embedded in the compiler, which adds the tables below for
 * each model and generates machine code for its target.
 *
 *===-----------------------------------------------------------------------*/
#include "codegen/artifact/runtime/model_program.h"

/* Waking other threads takes some microseconds; a step of less work than this (multiply-adds plus bytes) is faster
 * without them. */
#define FETTLE_WORK_WORTH_SHARING 65536

static int32_t check(const fettle_context *context, const void *const *inputs, void *const *outputs) {
  if (!context || (!context->arena && fettle_program.arena_bytes) ||
      (!context->weights && fettle_program.weights_bytes))
    return FETTLE_NULL_POINTER;
  if (((uintptr_t)context->arena | (uintptr_t)context->weights) & (FETTLE_ALIGNMENT - 1))
    return FETTLE_MISALIGNED;
  for (int32_t i = 0; i < fettle_program.num_inputs; ++i)
    if (fettle_program.inputs[i].bytes && (!inputs || !inputs[i]))
      return FETTLE_NULL_POINTER;
  for (int32_t i = 0; i < fettle_program.num_outputs; ++i)
    if (fettle_program.outputs[i].bytes && (!outputs || !outputs[i]))
      return FETTLE_NULL_POINTER;
  return FETTLE_OK;
}

int32_t fettle_run_steps(const fettle_context *context, const void *const *inputs, void *const *outputs, int32_t first,
                         int32_t last) {
  int32_t status = check(context, inputs, outputs);
  if (status != FETTLE_OK)
    return status;
  if (first < 0 || last > fettle_program.num_steps || first > last)
    return FETTLE_OUT_OF_RANGE;
  /* The pointers of one step lie in the arena, not on the stack: a kernel may take any number of arguments. */
  void **pointers = (void **)((char *)context->arena + fettle_program.pointers_offset);
  for (int32_t i = first; i < last; ++i) {
    const fettle_step *step = &fettle_program.steps[i];
    for (int64_t k = 0; k < step->num_arguments; ++k) {
      const fettle_argument *argument = &step->arguments[k];
      char *base;
      if (argument->space == FETTLE_ARENA)
        base = (char *)context->arena;
      else if (argument->space == FETTLE_WEIGHTS)
        base = (char *)context->weights;
      else if (argument->space == FETTLE_INPUT)
        base = (char *)inputs[argument->index];
      else
        base = (char *)outputs[argument->index];
      pointers[k] = base + argument->offset;
    }
    if (context->parallel_for && step->tiles > 1 && step->macs + step->bytes >= FETTLE_WORK_WORTH_SHARING)
      context->parallel_for(context->parallel_context, step->kernel, pointers, step->tiles);
    else
      step->kernel(pointers, 0, step->tiles);
  }
  return FETTLE_OK;
}

int32_t fettle_run(const fettle_context *context, const void *const *inputs, void *const *outputs) {
  return fettle_run_steps(context, inputs, outputs, 0, fettle_program.num_steps);
}

/*===- model_runtime.c - runs the steps of a compiled model ------------------
 *
 * Compiled once to target-neutral LLVM bitcode (so: pointers, int32_t and
 * int64_t only) and embedded in the compiler, which adds the descriptors of each
 * model, and functions that call these with one of them, and generates machine
 * code for its target (ModelObject.cpp).
 *
 *===-----------------------------------------------------------------------*/
#include "codegen/artifact/fettle_abi.h"

#define FETTLE_ALIGNMENT 64

static int32_t check(const fettle_model *model, const fettle_context *context, const void *const *inputs,
                     void *const *outputs) {
  if (!context || (!context->arena && model->arena_bytes) || (!context->weights && model->weights_bytes))
    return FETTLE_NULL_POINTER;
  if (((uintptr_t)context->arena | (uintptr_t)context->weights) & (FETTLE_ALIGNMENT - 1))
    return FETTLE_MISALIGNED;
  for (int32_t i = 0; i < model->num_inputs; ++i)
    if (model->inputs[i].bytes && (!inputs || !inputs[i]))
      return FETTLE_NULL_POINTER;
  for (int32_t i = 0; i < model->num_outputs; ++i)
    if (model->outputs[i].bytes && (!outputs || !outputs[i]))
      return FETTLE_NULL_POINTER;
  return FETTLE_OK;
}

/* pointers_offset: where in the arena the argument pointers of the running step lie. */
int32_t fettle_run_model(const fettle_model *model, int64_t pointers_offset, const fettle_context *context,
                         const void *const *inputs, void *const *outputs, int32_t first, int32_t last) {
  int32_t status = check(model, context, inputs, outputs);
  if (status != FETTLE_OK)
    return status;
  if (first < 0 || last > model->num_steps || first > last)
    return FETTLE_OUT_OF_RANGE;
  /* The pointers of one step lie in the arena, not on the stack: a kernel may take any number of arguments. */
  void **pointers = (void **)((char *)context->arena + pointers_offset);
  for (int32_t i = first; i < last; ++i) {
    const fettle_step *step = &model->steps[i];
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
    if (context->parallel_for && step->tiles > 1 && step->nanoseconds >= FETTLE_NANOSECONDS_WORTH_SHARING)
      context->parallel_for(context->parallel_context, step->kernel, pointers, step->tiles);
    else
      step->kernel(pointers, 0, step->tiles);
  }
  return FETTLE_OK;
}

static int has_shapes(const fettle_model *model, const int64_t *const *dims) {
  for (int32_t i = 0; i < model->num_inputs; ++i)
    for (int32_t axis = 0; axis < model->inputs[i].rank; ++axis)
      if (dims[i][axis] != model->inputs[i].dims[axis])
        return 0;
  return 1;
}

int32_t fettle_select(const fettle_model *model, const int64_t *const *dims, const fettle_model **chosen) {
  if (!chosen)
    return FETTLE_NULL_POINTER;
  *chosen = 0;
  for (int32_t i = 0; i < model->num_inputs; ++i)
    if (model->inputs[i].rank && (!dims || !dims[i]))
      return FETTLE_NULL_POINTER;
  for (int32_t i = 0; i < model->num_specializations; ++i)
    if (has_shapes(model->specializations[i], dims)) {
      *chosen = model->specializations[i];
      return FETTLE_OK;
    }
  return FETTLE_NO_SUCH_SHAPE;
}

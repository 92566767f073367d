/*===- model_program.h - what the runtime reads of a model -----------------*/
#ifndef FETTLE_CODEGEN_ARTIFACT_RUNTIME_MODEL_PROGRAM_H
#define FETTLE_CODEGEN_ARTIFACT_RUNTIME_MODEL_PROGRAM_H

#include "codegen/artifact/fettle_abi.h"

#define FETTLE_ALIGNMENT 64

/* Defined for each model by ModelObject.cpp, which knows this layout. */
struct fettle_program {
  int32_t num_inputs, num_outputs, num_steps, padding;
  int64_t arena_bytes, weights_bytes;
  int64_t pointers_offset; /* into the arena: the argument pointers of the running step */
  const fettle_tensor *inputs, *outputs;
  const fettle_step *steps;
};

extern const struct fettle_program fettle_program;

#endif

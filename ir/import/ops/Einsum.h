//===- Einsum.h - ONNX Einsum as matrix products --------------------------===//
#ifndef FETTLE_IR_IMPORT_OPS_EINSUM_H
#define FETTLE_IR_IMPORT_OPS_EINSUM_H

#include "ir/import/NodeImporter.h"

namespace fettle {

void importEinsum(NodeImporter &node);

} // namespace fettle

#endif

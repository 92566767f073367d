//===- Npy.cpp - .npy files of golden vectors -----------------------------===//

#include "codegen/artifact/Npy.h"
#include "codegen/artifact/TensorType.h"

namespace fettle::codegen {

llvm::Expected<std::string> toNpy(const HostTensor &tensor) {
  const AbiType *type = findAbiType(tensor.elementType());
  if (!type)
    return llvm::createStringError("an element type that .npy files cannot hold");
  std::string header = "{'descr': '" + type->description.str() + "', 'fortran_order': False, 'shape': (";
  for (int64_t dim : tensor.shape())
    header += std::to_string(dim) + ", ";
  header += "), }";
  // Magic, version and length take 10 bytes; data starts at a multiple of 64.
  header.append((64 - (10 + header.size() + 1) % 64) % 64, ' ');
  header += '\n';
  if (header.size() > 0xffff)
    return llvm::createStringError("a shape too long for a .npy header");
  std::string file("\x93NUMPY\x01\x00", 8);
  file += char(header.size() & 0xff);
  file += char(header.size() >> 8);
  file += header;
  file.append(tensor.bytes().begin(), tensor.bytes().end());
  return file;
}

} // namespace fettle::codegen

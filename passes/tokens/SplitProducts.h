//===- SplitProducts.h - products of which some columns have fewer readers -===//
#ifndef FETTLE_PASSES_TOKENS_SPLITPRODUCTS_H
#define FETTLE_PASSES_TOKENS_SPLITPRODUCTS_H

#include "passes/tokens/ReadRanges.h"

namespace fettle {

/// Splits matrix products whose columns are read by slices, some of them in fewer rows than others, into products with the
/// columns of equal rows: queries apart from keys and values. Only products with constant weights of their own, and only where
/// that saves an eighth of the multiply-accumulates. Columns that nobody reads go. True if any product was split: `ranges` are out
/// of date then.
bool splitProducts(mlir::func::FuncOp function, const ReadRanges &ranges);

} // namespace fettle

#endif

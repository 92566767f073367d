//===- RefitProducts.cpp - products that make up for removed tokens --------===//

#include "ir/profile/ValueNames.h"
#include "passes/quantize/ProfileOption.h"
#include "passes/tokens/Passes.h"
#include "passes/tokens/RefittedProducts.h"

using namespace mlir;

namespace fettle {

#define GEN_PASS_DEF_REFITPRODUCTSPASS
#include "passes/tokens/Passes.h.inc"

namespace {
struct RefitProducts : impl::RefitProductsPassBase<RefitProducts> {
  using RefitProductsPassBase::RefitProductsPassBase;
  explicit RefitProducts(const Profile &profile) : profile(&profile) {}

  LogicalResult initialize(MLIRContext *context) override {
    return profile || profileFile.empty() ? success() : loadProfile(context, profileFile, ownProfile, profile);
  }

  void runOnOperation() override {
    if (!profile)
      return;
    ValueNames names(getOperation());
    // Names are of the function as it is: they are found before the first product changes.
    SmallVector<std::pair<nn::MatMulOp, const ProductMoments *>> work;
    for (nn::MatMulOp op : findRefittable(getOperation()))
      if (auto found = profile->refits.find(names.nameOf(op.getOutput()).str()); found != profile->refits.end())
        work.push_back({op, &found->second});
    if (work.size() != profile->refits.size()) {
      emitError(getOperation().getLoc()) << "the profile fits " << profile->refits.size() << " products, of which there are " << work.size()
                                         << " here: it was made from another model or with other options";
      return signalPassFailure();
    }
    for (auto [op, moments] : work)
      if (!refitProduct(op, *moments)) {
        op.emitError() << "the profile fits a product of " << moments->width << " by " << moments->outputs
                       << " weights: it was made from another model or with other options";
        return signalPassFailure();
      }
  }

  const Profile *profile = nullptr;
  std::shared_ptr<const Profile> ownProfile;
};
} // namespace

std::unique_ptr<Pass> createRefitProductsPass(const Profile &profile) { return std::make_unique<RefitProducts>(profile); }

} // namespace fettle

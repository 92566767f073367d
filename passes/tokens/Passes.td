//===- Passes.td - token passes -------------------------------------------===//
#ifndef FETTLE_PASSES_TOKENS_PASSES_TD
#define FETTLE_PASSES_TOKENS_PASSES_TD

include "mlir/Pass/PassBase.td"

def DropUnreadTokensPass : Pass<"drop-unread-tokens", "::mlir::func::FuncOp"> {
  let summary = "computes only those positions of each axis that are read";
  let description = [{
    Where a head reads one token, all that works on each token by itself is computed for that token alone, up to the
    last attention, which still reads keys and values of all. A product of queries, keys and values is
    split where fewer queries than keys are read. Any axis and range will do, in any op whose axis ties say what it reads; nothing is
    computed twice, and nothing changes where slices would copy more than is saved.

    ```mlir
    // before
    %0 = nn.matmul %x, %w : (tensor<1x65x128xf32>, tensor<128x256xf32>) -> tensor<1x65x256xf32>
    %1 = nn.unary gelu %0 : (tensor<1x65x256xf32>) -> tensor<1x65x256xf32>
    %2 = nn.slice %1 {starts = array<i64: 0, 0, 0>, sizes = array<i64: 1, 1, 256>, ...} : (...) -> tensor<1x1x256xf32>
    // after
    %s = nn.slice %x {starts = array<i64: 0, 0, 0>, sizes = array<i64: 1, 1, 128>, ...} : (...) -> tensor<1x1x128xf32>
    %0 = nn.matmul %s, %w : (tensor<1x1x128xf32>, tensor<128x256xf32>) -> tensor<1x1x256xf32>
    %2 = nn.unary gelu %0 : (tensor<1x1x256xf32>) -> tensor<1x1x256xf32>
    ```
  }];
  let dependentDialects = ["::fettle::nn::NnDialect"];
}

def RefitProductsPass : Pass<"refit-products", "::mlir::func::FuncOp"> {
  let summary = "weights of products that will work on fewer tokens, fitted to what they gave with all of them";
  let description = [{
    A profile says how the inputs of a product vary where tokens are removed, and how what it should give goes with them. It gets the
    weights that come closest, and a bias that makes the means right. The function keeps its tokens: `reduce-tokens` is to follow.

    ```mlir
    // before
    %1 = nn.matmul %0, %w : (tensor<1x65x128xf32>, tensor<128x256xf32>) -> tensor<1x65x256xf32>
    // after, if the profile has moments of %1
    %w2 = nn.constant dense<...> : tensor<128x256xf32>
    %b2 = nn.constant dense<...> : tensor<256xf32>
    %1 = nn.matmul %0, %w2, %b2 : (tensor<1x65x128xf32>, tensor<128x256xf32>, tensor<256xf32>) -> tensor<1x65x256xf32>
    ```
  }];
  let dependentDialects = ["::fettle::nn::NnDialect"];
  let options = [Option<"profileFile", "profile", "std::string", "", "a file that fettle calibrate wrote">];
}

def ReduceTokensPass : Pass<"reduce-tokens", "::mlir::func::FuncOp"> {
  let summary = "merges or drops tokens of transformers between attention and MLP";
  let description = [{
    Behind attentions, where all tokens lie in one tensor, those that are most alike become one. What follows works on
    fewer tokens, and attentions weigh keys by the number of tokens they stand for; what needs every token (an output for each, a
    mean over all) gets each back as the one it became a part of. Where an attention is causal or has a mask for each pair of
    tokens a remark says so, and nothing changes.

    ```mlir
    // before
    %x = nn.binary add %r, %attended : (tensor<1x65x128xf32>, tensor<1x65x128xf32>) -> tensor<1x65x128xf32>
    %1 = nn.matmul %x, %w : (tensor<1x65x128xf32>, tensor<128x256xf32>) -> tensor<1x65x256xf32>
    // after, with `counts=8`
    %x = nn.binary add %r, %attended : (tensor<1x65x128xf32>, tensor<1x65x128xf32>) -> tensor<1x65x128xf32>
    %a = nn.match_tokens %x {remove = 8, protect = 1} : (tensor<1x65x128xf32>) -> tensor<1x65xi32>
    %y, %sizes = nn.merge_tokens %x, %a {tokens = 57} : (...) -> (tensor<1x57x128xf32>, tensor<1x57xf32>)
    %1 = nn.matmul %y, %w : (tensor<1x57x128xf32>, tensor<128x256xf32>) -> tensor<1x57x256xf32>
    ```
  }];
  let dependentDialects = ["::fettle::nn::NnDialect"];
  let options = [ListOption<"counts", "counts", "int64_t", "tokens to remove behind each attention; one number serves all">,
                 Option<"method", "method", "::fettle::TokenMethod", "::fettle::TokenMethod::Merge", "what becomes of tokens that are removed", [{::llvm::cl::values(
                   clEnumValN(::fettle::TokenMethod::Merge, "merge", "they become a part of those they are most like"),
                   clEnumValN(::fettle::TokenMethod::Drop, "drop", "the least attended ones are left out"))}]>,
                 Option<"metric", "metric", "::fettle::TokenMetric", "::fettle::TokenMetric::Features", "by what tokens are alike", [{::llvm::cl::values(
                   clEnumValN(::fettle::TokenMetric::Features, "features", "the tokens themselves"),
                   clEnumValN(::fettle::TokenMetric::Keys, "keys", "their keys in the attention before"),
                   clEnumValN(::fettle::TokenMetric::Both, "both", "both, to the same degree"))}]>,
                 Option<"rounds", "rounds", "int64_t", "2", "matchings that follow each other at each place">,
                 Option<"matching", "matching", "::fettle::TokenMatching", "::fettle::TokenMatching::Global", "which tokens may become a part of which", [{::llvm::cl::values(
                   clEnumValN(::fettle::TokenMatching::Global, "global", "any of any"),
                   clEnumValN(::fettle::TokenMatching::Local, "local", "neighbours in the first round at the first place, then any of any"))}]>];
}

#endif

// Every pass and every phase is told, with its options, to the end of the text.
// RUN: fettle-opt --help | FileCheck %s

// CHECK: --reduce-tokens {{ *}}- {{ *}}merges or drops tokens
// CHECK-NEXT: --counts=<long>
// CHECK: --phase-tokens {{ *}}- {{ *}}tokens of transformers
// CHECK: Generic Options:

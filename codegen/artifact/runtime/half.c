/*===- half.c - f16 and bf16 conversions where the CPU has none --------------
 *
 * x86-64-v2 lacks F16C, and no x86-64 level has bf16: there LLVM calls these.
 * Round to nearest even; NaN stays NaN (quiet), overflow goes to infinity.
 *
 *===-----------------------------------------------------------------------*/
#include <stdint.h>

static uint32_t bitsOfFloat(float value) {
  union {
    float value;
    uint32_t bits;
  } u = {value};
  return u.bits;
}

static float floatOfBits(uint32_t bits) {
  union {
    uint32_t bits;
    float value;
  } u = {bits};
  return u.value;
}

static uint64_t bitsOfDouble(double value) {
  union {
    double value;
    uint64_t bits;
  } u = {value};
  return u.bits;
}

static uint16_t bitsOfHalf(_Float16 value) {
  union {
    _Float16 value;
    uint16_t bits;
  } u = {value};
  return u.bits;
}

static _Float16 halfOfBits(uint16_t bits) {
  union {
    uint16_t bits;
    _Float16 value;
  } u = {bits};
  return u.value;
}

static __bf16 bfloatOfBits(uint16_t bits) {
  union {
    uint16_t bits;
    __bf16 value;
  } u = {bits};
  return u.value;
}

/* Rounds a double's bits to a format of 5 or 8 exponent bits in 16 bits. One routine for all four
 * narrowings, since every float is a double: the exponent is rebased, the tail decides the rounding. */
static uint16_t narrow(uint64_t bits, int fractionBits, int bias, int maxExponent) {
  uint16_t sign = (uint16_t)(bits >> 63 << 15);
  uint64_t magnitude = bits & 0x7fffffffffffffffull;
  uint16_t infinity = (uint16_t)(maxExponent << fractionBits);
  if (magnitude > 0x7ff0000000000000ull)
    return sign | infinity | (uint16_t)(1u << (fractionBits - 1));
  if (magnitude == 0x7ff0000000000000ull)
    return sign | infinity;
  int exponent = (int)(magnitude >> 52) - 1023 + bias;
  if (exponent >= maxExponent)
    return sign | infinity;
  uint64_t fraction = (magnitude & 0xfffffffffffffull) | 0x10000000000000ull; /* doubles below 2^-1022 round to 0 */
  int shift = 52 - fractionBits;
  if (exponent <= 0) { /* subnormal: the leading one moves into the fraction */
    shift += 1 - exponent;
    if (shift > 54)
      return sign;
    exponent = 0;
  } else {
    fraction &= 0xfffffffffffffull;
  }
  uint64_t kept = fraction >> shift, tail = fraction & ((1ull << shift) - 1), tie = 1ull << (shift - 1);
  kept += (uint64_t)exponent << fractionBits;
  if (tail > tie || (tail == tie && (kept & 1)))
    ++kept; /* a carry runs into the exponent, up to infinity, as it should */
  return (uint16_t)(sign | kept);
}

float __extendhfsf2(_Float16 value) {
  uint32_t bits = bitsOfHalf(value);
  uint32_t sign = (bits & 0x8000u) << 16, magnitude = bits & 0x7fffu;
  if (magnitude >= 0x7c00u) /* infinity; NaN becomes quiet */
    return floatOfBits(sign | 0x7f800000u | (magnitude & 0x3ffu) << 13 | (magnitude > 0x7c00u ? 0x400000u : 0));
  if (magnitude >= 0x0400u)
    return floatOfBits(sign | ((magnitude << 13) + (112u << 23)));
  /* Subnormal or zero: m * 2^-24, exact in float. */
  return floatOfBits(sign | bitsOfFloat((float)(int32_t)magnitude * 0x1p-24f));
}

_Float16 __truncdfhf2(double value) { return halfOfBits(narrow(bitsOfDouble(value), 10, 15, 31)); }
_Float16 __truncsfhf2(float value) { return halfOfBits(narrow(bitsOfDouble(value), 10, 15, 31)); }
__bf16 __truncdfbf2(double value) { return bfloatOfBits(narrow(bitsOfDouble(value), 7, 127, 255)); }
__bf16 __truncsfbf2(float value) { return bfloatOfBits(narrow(bitsOfDouble(value), 7, 127, 255)); }

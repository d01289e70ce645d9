/** Dtypes of weights. */
export const floatDtypes = ['F16', 'BF16', 'F32', 'F64'] as const;

export type FloatDtype = (typeof floatDtypes)[number];

/** Dtypes of activations: those that are widened to float32 exactly. */
export type ActivationDtype = Exclude<FloatDtype, 'F64'>;

export const floatBytes: Readonly<Record<FloatDtype, number>> = { F16: 2, BF16: 2, F32: 4, F64: 8 };

export function isFloatDtype(dtype: string): dtype is FloatDtype {
  return (floatDtypes as readonly string[]).includes(dtype);
}

/**
 * Little-endian elements as float32: 16-bit ones are widened exactly, 64-bit ones rounded to the nearest.
 * @param bytes whole elements, at a multiple of the element's size in their buffer
 * @param scratch room for as many elements; the result is a view of it, or for F32 a view of `bytes`
 */
export function toFloat32(dtype: FloatDtype, bytes: Uint8Array, scratch: Float32Array): Float32Array {
  const { buffer, byteOffset } = bytes;
  const length = bytes.length / floatBytes[dtype];
  if (dtype === 'F32') return new Float32Array(buffer, byteOffset, length);
  const target = scratch.subarray(0, length);
  if (dtype === 'F64') {
    target.set(new Float64Array(buffer, byteOffset, length));
    return target;
  }
  const source = new Uint16Array(buffer, byteOffset, length);
  if (dtype === 'BF16') {
    const bits = new Uint32Array(target.buffer, target.byteOffset, length);
    for (let i = 0; i < length; i++) bits[i] = source[i]! << 16;
    return target;
  }
  halves ??= allHalves();
  for (let i = 0; i < length; i++) target[i] = halves[source[i]!]!;
  return target;
}

/** Index of the first NaN or infinity, or -1. */
export function firstNonFinite(values: Float32Array): number {
  for (let i = 0; i < values.length; i++) {
    // Only finite numbers minus themselves are 0.
    if (values[i]! - values[i]! !== 0) return i;
  }
  return -1;
}

let halves: Float32Array | undefined;

/** The value of each bit pattern of IEEE 754 binary16. */
function allHalves(): Float32Array {
  return Float32Array.from({ length: 65_536 }, (_, bits) => {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
    return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
  });
}

/** Parity as it is defined, byte by byte and without tables, to compare the kernels with. */

/** The product of two polynomials over {0, 1}, divided by 0x11d as one would on paper. */
export function slowProduct(left: number, right: number): number {
  let product = 0;
  for (let bit = 0; bit < 8; bit++) if ((right & (1 << bit)) !== 0) product ^= left << bit;
  for (let bit = 15; 8 <= bit; bit--)
    if ((product & (1 << bit)) !== 0) product ^= 0x11d << (bit - 8);
  return product;
}

export function slowPowerOfTwo(exponent: number): number {
  let power = 1;
  for (let times = 0; times < exponent; times++) power = slowProduct(power, 2);
  return power;
}

export function slowP(data: readonly Uint8Array[], length: number): Uint8Array {
  return slowSum(data, length, () => 1);
}

export function slowQ(data: readonly Uint8Array[], length: number): Uint8Array {
  return slowSum(data, length, slowPowerOfTwo);
}

function slowSum(
  data: readonly Uint8Array[],
  length: number,
  weightOf: (role: number) => number,
): Uint8Array {
  const weights = data.map((_, role) => weightOf(role));
  return Uint8Array.from({ length }, (_, at) =>
    data.reduce((sum, block, role) => sum ^ slowProduct(weights[role] ?? 0, block[at] ?? 0), 0),
  );
}

/**
 * The gamma distribution, and with it chi-squared, Poisson and normal quantiles, to some twelve
 * digits also far out in the tails.
 */

import { assert } from "../base/assert.ts";

const EPSILON = 1e-16;
const TERMS_MAX = 100_000;
/** Each halves the interval, until hardly a unit of rounding is left of it. */
const HALVINGS = 60;

/** Coefficients of Stirling's series for the logarithm of the gamma function. */
const STIRLING = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188] as const;
const STIRLING_FROM = 20;

export interface Tails {
  /** The probability of at most so much, and of more: neither is one less the other. */
  readonly below: number;
  readonly above: number;
}

/** The tails at `value` of the gamma distribution with this shape and scale one. */
export function gammaTails(shape: number, value: number): Tails {
  assert(0 < shape && 0 <= value, "the gamma distribution is of what is positive");
  if (value === 0) return { below: 0, above: 1 };

  const density = Math.exp(shape * Math.log(value) - value - logGamma(shape));
  if (value < shape + 1) {
    const below = density * lowerSeries(shape, value);
    return { below, above: 1 - below };
  }
  const above = density * upperFraction(shape, value);
  return { below: 1 - above, above };
}

/** The value that is exceeded with the probability `above`. */
export function gammaQuantile(shape: number, above: number): number {
  assert(0 < above && above < 1, "a quantile is strictly between the ends");
  let low = 0;
  let high = shape + 1;
  while (above < gammaTails(shape, high).above) high *= 2;
  for (let halving = 0; halving < HALVINGS; halving++) {
    const middle = (low + high) / 2;
    if (above < gammaTails(shape, middle).above) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** How many standard deviations hold the middle share `confidence` of a normal distribution. */
export function normalReach(confidence: number): number {
  return Math.sqrt(2 * gammaQuantile(0.5, 1 - confidence));
}

function lowerSeries(shape: number, value: number): number {
  let term = 1 / shape;
  let sum = term;
  for (let count = 1; count < TERMS_MAX && EPSILON * sum < term; count++) {
    term *= value / (shape + count);
    sum += term;
  }
  return sum;
}

/** Lentz' evaluation of the continued fraction of the upper incomplete gamma function. */
function upperFraction(shape: number, value: number): number {
  let denominator = value + 1 - shape;
  let numeratorRatio = Number.MAX_VALUE;
  let denominatorRatio = 1 / denominator;
  let fraction = denominatorRatio;
  for (let count = 1; count < TERMS_MAX; count++) {
    const factor = -count * (count - shape);
    denominator += 2;
    denominatorRatio = 1 / (factor * denominatorRatio + denominator);
    numeratorRatio = denominator + factor / numeratorRatio;
    const change = denominatorRatio * numeratorRatio;
    fraction *= change;
    if (Math.abs(change - 1) < EPSILON) break;
  }
  return fraction;
}

function logGamma(value: number): number {
  let shifted = value;
  let product = 1;
  for (; shifted < STIRLING_FROM; shifted++) product *= shifted;
  const series = STIRLING.reduce(
    (sum, coefficient, index) => sum + coefficient / shifted ** (2 * index + 1),
    0,
  );
  const stirling = (shifted - 0.5) * Math.log(shifted) - shifted + Math.log(2 * Math.PI) / 2;
  return stirling + series - Math.log(product);
}

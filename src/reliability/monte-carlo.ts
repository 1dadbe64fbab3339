/**
 * MTTDL and the probability of data loss by simulation, with confidence intervals.
 *
 * Data loss is rare: dicing disks as they are, one would wait for ever. So the dice are loaded
 * (importance sampling by failure biasing): where a group is degraded, a further failure is made
 * likelier than a repair, and each path counts as much less as it was made likelier. In a mission
 * the first failure is forced to happen, and loaded the less the more failures a mission has, or
 * the weights would scatter.
 *
 * The mean is a ratio of two means over cycles from fresh to fresh: the time of a cycle, with
 * honest dice, over the probability that a cycle ends in loss, with loaded ones.
 */

import { assert } from "../base/assert.ts";
import { Fault } from "../base/fault.ts";
import { SeededRandom } from "../base/random.ts";
import { normalReach } from "./gamma-distribution.ts";
import { type ArrayModel, checkArray, demandHours } from "./group-model.ts";
import { type ArrayEvent, SimulatedArray, uniform } from "./simulated-array.ts";

/** How a simulation is run. */
export interface SimulationOptions {
  readonly seed: number;
  readonly pathCount: number;
  /** How often the interval should hold: 0.95. */
  readonly confidence: number;
}

/** What is in force when nobody says anything. */
export const defaultSimulationOptions: SimulationOptions = {
  seed: 1,
  pathCount: 20_000,
  confidence: 0.95,
};

/** What a simulation says, with its interval. */
export interface SimulatedEstimate {
  readonly estimate: number;
  readonly low: number;
  readonly high: number;
}

/** How likely a loaded dice makes a failure where two groups or members are wanting already. */
const LOADED_SHARE = 0.5;
/** No path that ends comes near; one that never ends would be a bug. */
const EVENTS_MAX = 10_000_000;
/** A path of so little weight that it adds nothing any more. */
const WEIGHT_MIN = 1e-300;

/** How likely data is lost within so many hours. */
export function simulateLossProbability(
  array: ArrayModel,
  hours: number,
  options: SimulationOptions,
): SimulatedEstimate {
  checkArray(array);
  demandHours("missionHours", hours, 0);
  checkOptions(options);
  const fresh = new SimulatedArray(array);
  const perHour = sumOf(fresh.events());
  const failingShare = -Math.expm1(-perHour * hours);
  // Nothing fails, and yet a common cause may strike.
  fresh.stay(hours);
  const certain = (1 - failingShare) * fresh.lostWeight;
  const shares = missionShares(array, perHour * hours);
  const random = new SeededRandom(options.seed).stream("mission");
  const losses = new Sample();
  for (let path = 0; path < options.pathCount; path++) {
    losses.add(failingShare * missionLoss(array, hours, shares, random));
  }
  return around(certain + losses.mean, losses.deviationOfMean, options.confidence);
}

/** The mean time to data loss, in hours. */
export function simulateMttdl(array: ArrayModel, options: SimulationOptions): SimulatedEstimate {
  checkArray(array);
  checkOptions(options);
  const dice = new SeededRandom(options.seed);
  const honest = dice.stream("cycle hours");
  const loaded = dice.stream("cycle losses");
  const hours = new Sample();
  const losses = new Sample();
  for (let path = 0; path < options.pathCount; path++) {
    hours.add(cycle(array, 0, honest).hours);
    losses.add(cycle(array, LOADED_SHARE, loaded).lost);
  }
  const estimate = hours.mean / losses.mean;
  const relative = Math.hypot(
    hours.deviationOfMean / hours.mean,
    losses.deviationOfMean / losses.mean,
  );
  return around(estimate, estimate * relative, options.confidence);
}

/**
 * For each depth, how likely a further failure is made: so likely that in a mission about one path
 * in two gets further, and no likelier. Where failures are common enough by themselves, nothing is
 * loaded.
 */
function missionShares({ group }: ArrayModel, failuresInMission: number): readonly number[] {
  const { memberCount, toleratedCount, mttfHours, mttrHours, replaceHours, spareCount } = group;
  const shares = [0];
  let visits = failuresInMission;
  for (let depth = 1; depth <= toleratedCount + spareCount; depth++) {
    const failing = Math.max(1, memberCount - depth) / mttfHours;
    const honest = failing / (failing + depth / (mttrHours + replaceHours));
    const share = LOADED_SHARE / Math.max(1, visits);
    shares.push(share);
    visits *= Math.max(honest, share);
  }
  return shares;
}

/** The weight that is lost in a mission in which something fails. */
function missionLoss(
  model: ArrayModel,
  hours: number,
  shares: readonly number[],
  random: SeededRandom,
): number {
  const array = new SimulatedArray(model);
  const { scrubHours } = model.group.sectorErrors;
  const phaseHours = scrubHours * uniform(random);
  let passedHours = 0;
  for (let count = 0; count < EVENTS_MAX; count++) {
    const events = array.events();
    const perHour = sumOf(events);
    const within = count === 0 ? -Math.expm1(-perHour * hours) : 1;
    // Where everything is a common cause nothing ever happens to one member.
    const stayHours =
      perHour === 0 ? Number.POSITIVE_INFINITY : -Math.log1p(-uniform(random) * within) / perHour;
    array.stay(Math.min(stayHours, hours - passedHours));
    passedHours += stayHours;
    if (hours <= passedHours || array.weight < WEIGHT_MIN) return array.lostWeight;

    const share = shares[array.depth] ?? LOADED_SHARE;
    const scrubbedHours = scrubHours === 0 ? 0 : (passedHours + phaseHours) % scrubHours;
    array.happen(draw(array, events, share, random), scrubbedHours);
  }
  assert(false, "a mission has an end");
}

/** From fresh until fresh again or lost: how long, and how much of it is lost. */
function cycle(
  model: ArrayModel,
  share: number,
  random: SeededRandom,
): { readonly hours: number; readonly lost: number } {
  const array = new SimulatedArray(model);
  let hours = 0;
  for (let count = 0; count < EVENTS_MAX; count++) {
    const events = array.events();
    const perHour = sumOf(events);
    hours += array.weight / (perHour + array.suddenLossesPerHour);
    array.stayUntilEvent(perHour);
    const scrubbedHours = model.group.sectorErrors.scrubHours * uniform(random);
    array.happen(draw(array, events, share, random), scrubbedHours);
    if (array.isFresh || array.weight < WEIGHT_MIN) return { hours, lost: array.lostWeight };
  }
  assert(false, "a cycle has an end");
}

/** Draws what happens next, dangers with at least this share, and mends the path's weight. */
function draw(
  array: SimulatedArray,
  events: readonly ArrayEvent[],
  share: number,
  random: SeededRandom,
): ArrayEvent {
  const perHour = sumOf(events);
  const dangers = events.filter(({ isDanger }) => isDanger);
  const dangerShare = sumOf(dangers) / perHour;
  const others = events.filter(({ isDanger }) => !isDanger);
  if (dangers.length === 0 || others.length === 0 || share <= dangerShare) {
    return pick(events, perHour, random);
  }
  if (uniform(random) < share) {
    array.weight *= dangerShare / share;
    return pick(dangers, sumOf(dangers), random);
  }
  array.weight *= sumOf(others) / perHour / (1 - share);
  return pick(others, sumOf(others), random);
}

function pick(events: readonly ArrayEvent[], perHour: number, random: SeededRandom): ArrayEvent {
  let left = uniform(random) * perHour;
  const found = events.find((event) => (left -= event.perHour) < 0) ?? events.at(-1);
  assert(found !== undefined, "something can always happen");
  return found;
}

function sumOf(events: readonly ArrayEvent[]): number {
  return events.reduce((sum, { perHour }) => sum + perHour, 0);
}

function around(estimate: number, deviation: number, confidence: number): SimulatedEstimate {
  const reach = normalReach(confidence) * deviation;
  return { estimate, low: Math.max(0, estimate - reach), high: estimate + reach };
}

function checkOptions({ pathCount, confidence }: SimulationOptions): void {
  if (!Number.isSafeInteger(pathCount) || pathCount < 2) {
    throw new Fault("ERR_ARGUMENT", `pathCount must be a whole number from 2, not ${pathCount}`);
  }
  if (!(0 < confidence && confidence < 1)) {
    throw new Fault("ERR_ARGUMENT", `confidence must be between 0 and 1, not ${confidence}`);
  }
}

/** Mean and scatter of numbers that are not kept. */
class Sample {
  #count = 0;
  #squares = 0;
  mean = 0;

  add(value: number): void {
    this.#count++;
    const off = value - this.mean;
    this.mean += off / this.#count;
    this.#squares += off * (value - this.mean);
  }

  get deviationOfMean(): number {
    return Math.sqrt(this.#squares / (this.#count - 1) / this.#count);
  }
}

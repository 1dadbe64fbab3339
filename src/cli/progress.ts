/**
 * Progress of long work: the share done, the rate and the time left. On a terminal it is one line
 * that is rewritten in place; elsewhere a line every ten seconds, so that a log of the run says
 * how it went without being made of it.
 */

import { assert } from "../base/assert.ts";
import type { ProgressedWork } from "./command-io.ts";

const REWRITE_INTERVAL_MS = 100;
const LINE_INTERVAL_MS = 10_000;
const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

export interface Progress {
  /** Says how much is done by now, in all. Cheap: it may be called for every item. */
  update(done: number): void;
  /** Ends the report. On a terminal the line is wiped. */
  finish(): void;
}

export interface ProgressScreen {
  /** Whether the line can be rewritten in place. */
  readonly rewritable: boolean;
  readonly nowMs: () => number;
  readonly write: (text: string) => void;
}

export const silentProgress: Progress = { update: () => {}, finish: () => {} };

export class ProgressReport implements Progress {
  readonly #work: ProgressedWork;
  readonly #screen: ProgressScreen;
  readonly #startedMs: number;
  #shownMs: number;
  #isShown = false;

  constructor(work: ProgressedWork, screen: ProgressScreen) {
    assert(work.total === undefined || 0 <= work.total, "no work is less than none");
    this.#work = work;
    this.#screen = screen;
    this.#startedMs = screen.nowMs();
    this.#shownMs = this.#startedMs;
  }

  update(done: number): void {
    const nowMs = this.#screen.nowMs();
    const intervalMs = this.#screen.rewritable ? REWRITE_INTERVAL_MS : LINE_INTERVAL_MS;
    if (nowMs - this.#shownMs < intervalMs) return;

    this.#shownMs = nowMs;
    this.#isShown = true;
    const line = describeProgress(this.#work, done, nowMs - this.#startedMs);
    this.#screen.write(this.#screen.rewritable ? `\r\u001b[2K${line}` : `${line}\n`);
  }

  finish(): void {
    if (this.#isShown && this.#screen.rewritable) this.#screen.write("\r\u001b[2K");
    this.#isShown = false;
  }
}

/** `verifying: 42% (1.2 of 2.9 GiB), 310 MiB/s, 6 s left`. */
export function describeProgress(work: ProgressedWork, done: number, elapsedMs: number): string {
  const { title, total, unit, doneBefore = 0 } = work;
  const rate = elapsedMs === 0 ? 0 : ((done - doneBefore) * 1_000) / elapsedMs;
  if (total === undefined) {
    return `${title}: ${amount(done, unit)}, ${amount(rate, unit)}/s`;
  }
  const share = total === 0 ? 100 : Math.min(100, Math.floor((done * 100) / total));
  const left = rate === 0 ? "" : `, ${duration((total - done) / rate)} left`;
  const counted = `${amount(done, unit)} of ${amount(total, unit)}`;
  return `${title}: ${share}% (${counted}), ${amount(rate, unit)}/s${left}`;
}

/** `310 MiB` for bytes, `12,000 operations` for the rest. */
export function amount(value: number, unit: string): string {
  if (unit !== "bytes") return `${thousands(Math.round(value))} ${unit}`;

  let scaled = value;
  let index = 0;
  while (scaled >= 1_024 && index < BYTE_UNITS.length - 1) {
    scaled /= 1_024;
    index++;
  }
  const digits = scaled < 10 && index > 0 ? 1 : 0;
  return `${scaled.toFixed(digits)} ${BYTE_UNITS[index] ?? "B"}`;
}

/** With a comma at every third digit before the point, and three behind it, whatever the locale. */
export function thousands(value: number): string {
  const rounded = String(Number(value.toFixed(3)));
  return rounded.replaceAll(/(?<!\.\d*)\B(?=(?:\d{3})+(?!\d))/gu, ",");
}

/** `45 s`, `3 min 20 s`, `2 h 5 min`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3_600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3_600)} h ${Math.floor((whole % 3_600) / 60)} min`;
}

/**
 * The figures of a node in Prometheus' text format: base units (seconds, bytes), `_total` for what
 * only grows. Figures are read when they are asked for, so nothing is counted twice, and a node at
 * rest is not woken to measure itself.
 */

import { performance } from "node:perf_hooks";
import { collectDefaultMetrics, Counter, Gauge, Registry } from "prom-client";
import type { Figure } from "./node-health.ts";

/**
 * How late the event loop is, as its library measures it: by a timer of so many milliseconds that
 * runs for ever. It is given one that does not fire, and what came of it is left out.
 */
const NEVER_MS: number = 2 ** 31 - 1;
const MS_PER_SECOND = 1000;
const LAG_STATISTICS = ["min", "max", "mean", "stddev", "p50", "p90", "p99"];

export class Metrics {
  readonly #registry = new Registry();
  readonly #figures: Figure[] = [];

  constructor() {
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: NEVER_MS });
    for (const statistic of LAG_STATISTICS) {
      this.#registry.removeSingleMetric(`nodejs_eventloop_lag_${statistic}_seconds`);
    }
    this.add([
      {
        name: "nodejs_eventloop_busy_seconds_total",
        help: "Time that the event loop did not wait for anything.",
        kind: "counter",
        read: () => performance.eventLoopUtilization().active / MS_PER_SECOND,
      },
    ]);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  add(figures: readonly Figure[]): void {
    for (const figure of figures) {
      this.#figures.push(figure);
      if (figure.kind === "gauge") this.#addGauge(figure);
      else this.#addCounter(figure);
    }
  }

  /** Every own figure by its name. */
  figures(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#figures.map(({ name, read }) => [name, read()]));
  }

  async render(): Promise<string> {
    return await this.#registry.metrics();
  }

  #addGauge({ name, help, read }: Figure): void {
    const registers = [this.#registry];
    const gauge: Gauge = new Gauge({ name, help, registers, collect: () => gauge.set(read()) });
  }

  #addCounter({ name, help, read }: Figure): void {
    const collect = (): void => {
      counter.reset();
      counter.inc(read());
    };
    const counter: Counter = new Counter({ name, help, registers: [this.#registry], collect });
  }
}

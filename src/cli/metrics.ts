/**
 * The figures of a node in Prometheus' text format: base units (seconds, bytes), `_total` for what
 * only grows. Figures are read when they are asked for, so nothing is counted twice.
 */

import { collectDefaultMetrics, Counter, Gauge, Registry } from "prom-client";
import type { Figure } from "./node-health.ts";

export class Metrics {
  readonly #registry = new Registry();
  readonly #figures: Figure[] = [];

  constructor() {
    collectDefaultMetrics({ register: this.#registry });
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

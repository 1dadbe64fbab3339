/** What every part of the benchmark is told. */

export interface BenchOptions {
  /** An empty directory on a real disk, removed afterwards. */
  readonly directory: string;
  /** How often everything is measured; the median is reported. */
  readonly rounds: number;
  /** 1 for a whole run; less for a quick one, with less work in each measurement. */
  readonly scale: number;
  /** Whether stores of ten million keys are made, which takes minutes. */
  readonly large: boolean;
  /** Tells the user what is going on. */
  readonly say: (text: string) => void;
}

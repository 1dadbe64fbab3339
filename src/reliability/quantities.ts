/**
 * Times, sizes and shares as people write them, to numbers and back. What has no unit, or one that
 * nobody knows, is refused with what would be right; an hour is never taken for a day.
 */

import { Fault } from "../base/fault.ts";
import { HOURS_PER_YEAR } from "./availability.ts";

const HOURS: Readonly<Record<string, number>> = {
  s: 1 / 3_600,
  min: 1 / 60,
  h: 1,
  d: 24,
  w: 168,
  y: HOURS_PER_YEAR,
};

const BYTES: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  PB: 1e15,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
  PiB: 2 ** 50,
};

const SIZE_NAMES = ["B", "kB", "MB", "GB", "TB", "PB"] as const;
const NUMBER_AND_UNIT = /^(\d+(?:\.\d*)?(?:e[+-]?\d+)?)\s*([a-z%]*)$/iu;
const DAYS_FROM_HOURS = 48;
const YEARS_FROM_HOURS = 2 * HOURS_PER_YEAR;
const YEARS_WRITTEN_OUT = 1e6;
/** From here on a share is a percentage. */
const PERCENT_FROM = 1e-3;
/** From here on three digits would say that it is certain. */
const NEARLY_ONE = 0.9995;

/** `1.2e6h`, `14d`, `5y`; also `s`, `min` and `w`. A year has 365 days. */
export function parseHours(text: string): number {
  return quantity(text, HOURS, "a time such as 24h, 14d or 5y");
}

/** `8TB`, `7.3TiB`. */
export function parseBytes(text: string): number {
  return quantity(text, BYTES, "a size such as 500GB, 8TB or 7.3TiB");
}

/** From 0 to 1, or with a percent sign from 0 to 100: `1e-15`, `0.01`, `1%`. */
export function parseShare(text: string): number {
  const found = NUMBER_AND_UNIT.exec(text.trim());
  const [, number = "", unit = ""] = found ?? [];
  const share = unit === "%" ? Number(number) / 100 : Number(number);
  if (found !== null && (unit === "" || unit === "%") && share <= 1) return share;
  throw new Fault("ERR_ARGUMENT", `"${text}" is no share such as 1e-15, 0.01 or 1%`, { text });
}

function quantity(text: string, units: Readonly<Record<string, number>>, what: string): number {
  const [, number = "", unit = ""] = NUMBER_AND_UNIT.exec(text.trim()) ?? [];
  const factor = units[unit];
  const value = Number(number) * (factor ?? Number.NaN);
  if (number !== "" && 0 < value && Number.isFinite(value)) return value;
  const known = `the units are ${Object.keys(units).join(", ")}`;
  throw new Fault("ERR_ARGUMENT", `"${text}" is not ${what}; ${known}`, { text });
}

/** `12 min`, `24 h`, `14 days`, `137 years`, `2.3e+9 years`. */
export function describeHours(hours: number): string {
  if (hours === Number.POSITIVE_INFINITY) return "never";
  if (hours < 1 / 60) return `${significant(hours * 3_600)} s`;
  if (hours < 1) return `${significant(hours * 60)} min`;
  if (hours < DAYS_FROM_HOURS) return `${significant(hours)} h`;
  if (hours < YEARS_FROM_HOURS) return `${significant(hours / 24)} days`;
  const years = hours / HOURS_PER_YEAR;
  return years < YEARS_WRITTEN_OUT ? `${grouped(years)} years` : `${years.toExponential(2)} years`;
}

/** `0.292 %` where that can be read, else `1.46e-6`. */
export function describeShare(share: number): string {
  if (share === 0) return "0";
  if (share < PERCENT_FROM) return share.toExponential(2);
  return NEARLY_ONE < share && share < 1 ? "> 99.9 %" : `${significant(share * 100)} %`;
}

/** The percentage that `complement` leaves of 100, with as many nines as there are. */
export function describeRest(complement: number): string {
  if (complement === 0 || complement === 1) return `${100 * (1 - complement)} %`;
  const digits = Math.max(1, Math.ceil(-Math.log10(complement)) - 1);
  // Beyond that a double no longer tells the rest from one.
  if (13 < digits) return `1 - ${complement.toExponential(1)}`;
  return `${(100 * (1 - complement)).toFixed(digits)} %`;
}

/** Decimal units, as disks are sold. */
export function describeBytes(bytes: number): string {
  const power = Math.min(SIZE_NAMES.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return `${significant(bytes / 1_000 ** power)} ${SIZE_NAMES[power] ?? "B"}`;
}

/** Three digits that matter, and no zeros after them. */
function significant(value: number): string {
  return value < 1_000 ? String(Number(value.toPrecision(3))) : grouped(value);
}

function grouped(value: number): string {
  const rounded = value < 100 ? Number(value.toPrecision(3)) : Math.round(value);
  return String(rounded).replaceAll(/\B(?=(?:\d{3})+(?!\d))/gu, ",");
}

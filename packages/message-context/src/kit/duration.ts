const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** Milliseconds, or a number with a unit: `'250ms' | '30s' | '15m' | '6h' | '3d' | '1w'`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd' | 'w'}`;

/** In milliseconds; undefined when it is not a duration. */
export function parseDuration(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) && value >= 0 ? value : undefined;
  if (typeof value !== 'string') return undefined;
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)$/.exec(value) ?? [];
  return amount === undefined ? undefined : Number(amount) * (UNITS[unit as string] as number);
}

/** A length of time for people: `3.4 d`, `12 min`, `0.4 s`, `50 ms`. */
export function durationText(ms: number): string {
  if (ms > 0 && ms < 100) return `${Math.round(ms)} ms`;
  const unit = ['d', 'h', 'm'].find((one) => ms >= (UNITS[one] as number)) ?? 's';
  const amount = Math.floor((ms / (UNITS[unit] as number)) * 10) / 10;
  return `${amount} ${unit === 'm' ? 'min' : unit}`;
}

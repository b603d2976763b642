/** Milliseconds, or a number with a unit: `'250ms'`, `'30s'`, `'15m'`, `'6h'`, `'3d'`, `'1w'`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd' | 'w'}`;

const UNIT_MS = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
} as const;

const FORM = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)$/;

/** The duration in whole milliseconds, at least 1; undefined when it is none. */
export function toMs(duration: unknown): number | undefined {
  const ms = typeof duration === 'string' ? parse(duration) : duration;
  if (typeof ms !== 'number') return undefined;
  const whole = Math.round(ms);
  return Number.isSafeInteger(whole) && whole >= 1 ? whole : undefined;
}

function parse(text: string): number | undefined {
  const [, amount, unit] = FORM.exec(text) ?? [];
  return unit === undefined ? undefined : Number(amount) * UNIT_MS[unit as keyof typeof UNIT_MS];
}

/** Where a child of a crash test dies. */
export interface CrashPoint {
  readonly point: string;
  /** How often it got there when it dies. */
  readonly count: number;
  /** Messages that come twice. */
  readonly least: number;
  readonly most: number;
}

import { Requeue } from '../../delivery/outcome-signals.js';

/** After so many milliseconds somebody is told why messages wait. */
const PATIENCE_MS = 10_000;

/**
 * Keeps messages waiting until every module has initialised. A hybrid application starts its microservices before that:
 * tables would be missing, boot checks not made, objects of factories not bound yet.
 */
export class Gate {
  #state: 'waiting' | 'open' | 'closed' = 'waiting';
  readonly #waiting: { readonly pass: () => void; readonly turnAway: (error: Error) => void }[] =
    [];
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly warn: (text: string) => void) {}

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** Resolves when the application is ready; rejects when it closes before it was. */
  async pass(): Promise<void> {
    if (this.#state === 'open') return;
    if (this.#state === 'closed') throw turnedAway();
    this.#timer ??= setTimeout(() => this.warn(this.#complaint()), PATIENCE_MS).unref();
    await new Promise<void>((pass, turnAway) => this.#waiting.push({ pass, turnAway }));
  }

  open(): void {
    if (this.#state !== 'waiting') return;
    this.#end('open');
    for (const { pass } of this.#waiting.splice(0)) pass();
  }

  /** For an application that is given up before it was ready. */
  close(): void {
    if (this.#state !== 'waiting') return;
    this.#end('closed');
    for (const { turnAway } of this.#waiting.splice(0)) turnAway(turnedAway());
  }

  #end(state: 'open' | 'closed'): void {
    this.#state = state;
    clearTimeout(this.#timer);
  }

  #complaint(): string {
    return (
      `${this.#waiting.length} message(s) wait because the application has not initialised: its microservices were started, ` +
      'its modules were not. Call app.listen() or app.init() after startAllMicroservices().'
    );
  }
}

const turnedAway = (): Error =>
  new Requeue({ message: 'REQUEUE: the application closed before it was ready for messages' });

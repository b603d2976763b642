/** Tells people who wait what is being done, after two seconds and every two seconds from then on. */
export class Progress {
  #doing = 'connecting';
  readonly #since = Date.now();
  readonly #timer: NodeJS.Timeout;

  constructor(tell: (text: string) => void) {
    this.#timer = setInterval(() => {
      const seconds = Math.round((Date.now() - this.#since) / 1_000);
      tell(`${this.#doing} (${seconds} s)`);
    }, 2_000).unref();
  }

  doing(text: string): void {
    this.#doing = text;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

const EVERY_MS = 250;
const PLAIN_EVERY_MS = 2_000;

/** Tells on standard error how it goes: one line that changes on a terminal, a line now and then elsewhere. */
export class Progress {
  private readonly live = process.stderr.isTTY === true;
  private timer: NodeJS.Timeout | undefined;
  private shown = '';

  /** Something happened. */
  say(line: string): void {
    if (this.live) process.stderr.write(`\r\x1b[K${line}\n${this.shown}`);
    else process.stderr.write(`${line}\n`);
  }

  /** Shows what `line` gives, until `stop()`. A look that fails is left out. */
  follow(line: () => Promise<string>): void {
    const look = (): void => {
      void line()
        .then((text) => this.show(text))
        .catch(() => {})
        .finally(() => {
          if (this.timer) this.timer = setTimeout(look, this.live ? EVERY_MS : PLAIN_EVERY_MS);
        });
    };
    this.timer = setTimeout(look, EVERY_MS);
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.live && this.shown) process.stderr.write('\n');
    this.shown = '';
  }

  private show(text: string): void {
    // A line that wraps could not be written over.
    const line = this.live ? text.slice(0, (process.stderr.columns || 80) - 1) : text;
    if (!this.timer || line === this.shown) return;
    this.shown = line;
    process.stderr.write(this.live ? `\r\x1b[K${line}` : `${line}\n`);
  }
}

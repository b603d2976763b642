import { resetSocket } from '../services/reset-socket.js';
import type { Socket } from 'node:net';

const HIGH_WATER_BYTES = 1024 * 1024;

/** One direction of a proxied connection: takes bytes from one socket to the other, later or not at all for a while. */
export class TcpLane {
  private queue: { readonly what: Buffer | 'end' | 'reset'; readonly at: number }[] = [];
  private queued = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly from: Socket,
    private readonly to: Socket,
    private readonly delayMs: () => number,
    private silent: boolean,
  ) {
    from.on('data', (chunk) => this.take(chunk));
    from.on('end', () => this.take('end'));
    // A side that broke takes the other with it, as if there were no proxy in between.
    from.on('error', () => this.take('reset'));
    to.on('drain', () => this.pump());
    to.on('close', () => clearTimeout(this.timer));
  }

  /** A silent lane keeps everything to itself, the end of the connection and its reset included. */
  silence(silent: boolean): void {
    this.silent = silent;
    this.pump();
  }

  private take(what: Buffer | 'end' | 'reset'): void {
    this.queue.push({ what, at: performance.now() + this.delayMs() });
    this.queued += what.length;
    if (this.queued > HIGH_WATER_BYTES) this.from.pause();
    this.pump();
  }

  private pump(): void {
    clearTimeout(this.timer);
    while (!this.silent && !this.to.destroyed) {
      const first = this.queue[0];
      if (!first) break;
      // A reset does not wait for a side that is slow to read.
      if (this.to.writableNeedDrain && first.what !== 'reset') break;
      const wait = first.at - performance.now();
      if (wait > 0) {
        this.timer = setTimeout(() => this.pump(), Math.ceil(wait));
        break;
      }
      this.queue.shift();
      this.queued -= first.what.length;
      if (first.what === 'end') this.to.end();
      else if (first.what === 'reset') resetSocket(this.to);
      else this.to.write(first.what);
    }
    if (this.queued <= HIGH_WATER_BYTES) this.from.resume();
  }
}

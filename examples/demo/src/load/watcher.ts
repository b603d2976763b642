import { DemoFailure, type Patience } from '../until.js';

/** Follows `GET /orders/watch`: the gateway's view of the gRPC stream `WatchOrders`. */
export class Watcher {
  /** Orders that came by. */
  seen = 0;
  private readonly stopped = new AbortController();
  private reading: Promise<void> = Promise.resolve();

  constructor(private readonly gatewayUrl: string) {}

  /**
   * Resolves when the stream is open: orders placed from now on come by.
   * @throws {DemoFailure} when it does not open in time
   */
  async start({ deadlineMs, signal }: Patience): Promise<void> {
    const opening = new AbortController();
    const late = setTimeout(() => opening.abort(), deadlineMs);
    const url = `${this.gatewayUrl}/orders/watch`;
    try {
      const response = await fetch(url, {
        headers: { accept: 'text/event-stream' },
        signal: AbortSignal.any([this.stopped.signal, opening.signal, signal]),
      });
      this.reading = this.read(response).catch(() => {});
    } catch (error) {
      signal.throwIfAborted();
      throw new DemoFailure(`${url} did not open: ${String(error)}`);
    } finally {
      clearTimeout(late);
    }
  }

  async stop(): Promise<void> {
    this.stopped.abort();
    await this.reading;
  }

  private async read({ body }: Response): Promise<void> {
    const decoder = new TextDecoder();
    let rest = '';
    for await (const chunk of body ?? []) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      this.seen += lines.filter((line) => line.startsWith('data:')).length;
    }
  }
}

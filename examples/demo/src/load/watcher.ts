/** Follows `GET /orders/watch`: the gateway's view of the gRPC stream `WatchOrders`. */
export class Watcher {
  /** Orders that came by. */
  seen = 0;
  private readonly stopped = new AbortController();
  private reading: Promise<void> = Promise.resolve();

  constructor(private readonly gatewayUrl: string) {}

  /** Resolves when the stream is open: orders placed from now on come by. */
  async start(): Promise<void> {
    const response = await fetch(`${this.gatewayUrl}/orders/watch`, {
      headers: { accept: 'text/event-stream' },
      signal: this.stopped.signal,
    });
    this.reading = this.read(response).catch(() => {});
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

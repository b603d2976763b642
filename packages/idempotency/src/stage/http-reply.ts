/** What Express's response and Fastify's reply have in common. */
interface ResponseLike {
  statusCode: number;
  getHeader(name: string): unknown;
  /** Node's, on Express. */
  setHeader?(name: string, value: string): unknown;
  readonly headersSent?: boolean;
  /** Fastify's. */
  readonly sent?: boolean;
  header?(name: string, value: string): unknown;
}

/** The part of an HTTP reply that is not its body. */
export interface StoredHead {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Status and headers of the reply under way. Nest sets the handler's own status and `@Header()`s before it calls the
 * handler and leaves them alone afterwards, so what stands there when the handler returns is what goes out.
 */
export class HttpReply {
  readonly #before: StoredHead;

  private constructor(
    private readonly response: ResponseLike,
    private readonly kept: readonly string[],
  ) {
    this.#before = this.head();
  }

  /** Undefined for anything that is no HTTP response. */
  static of(response: unknown, kept: readonly string[]): HttpReply | undefined {
    const like = response as Partial<ResponseLike> | undefined;
    return typeof like?.getHeader === 'function' && typeof like.statusCode === 'number'
      ? new HttpReply(like as ResponseLike, kept)
      : undefined;
  }

  head(): StoredHead {
    const headers = this.kept.flatMap((name) => {
      const value = this.response.getHeader(name);
      if (value === undefined || value === null) return [];
      return [[name, Array.isArray(value) ? value.join(', ') : String(value as string)] as const];
    });
    return { status: this.response.statusCode, headers: Object.fromEntries(headers) };
  }

  /** Whether the handler has changed anything since this object was made. */
  get changed(): boolean {
    return JSON.stringify(this.head()) !== JSON.stringify(this.#before);
  }

  /** Whether the handler has sent it by itself, through the request or the response that it was given. */
  get isSent(): boolean {
    return this.response.headersSent === true || this.response.sent === true;
  }

  replay(head: StoredHead | undefined): void {
    this.set('Idempotent-Replayed', 'true');
    if (!head) return;
    this.response.statusCode = head.status;
    for (const [name, value] of Object.entries(head.headers)) this.set(name, value);
  }

  retryAfter(ms: number): void {
    this.set('Retry-After', String(Math.ceil(ms / 1_000)));
  }

  private set(name: string, value: string): void {
    if (this.response.setHeader) this.response.setHeader(name, value);
    else this.response.header?.(name, value);
  }
}

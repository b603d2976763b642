import { Client, credentials } from '@grpc/grpc-js';
import { methodOf, type MethodName } from './service.js';

const AT_A_TIME = 50;

/** Calls a server over loopback, so many at a time. */
export class Caller {
  readonly #client: Client;

  constructor(port: number) {
    this.#client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  }

  /** Ends when all are answered, one way or the other. */
  async call(name: MethodName, count: number): Promise<void> {
    const { path, requestSerialize, responseDeserialize } = methodOf(name);
    let left = count;
    const one = () =>
      new Promise<void>((resolve, reject) =>
        this.#client.makeUnaryRequest(
          path,
          requestSerialize,
          responseDeserialize,
          { id: 'a' },
          { deadline: Date.now() + 5_000 },
          (error) => {
            const isRight = name === 'Refuse' ? error?.code === 3 : !error;
            if (isRight) resolve();
            else reject(new Error(`${path} was answered with ${String(error)}.`));
          },
        ),
      );
    await Promise.all(
      Array.from({ length: AT_A_TIME }, async () => {
        while (left-- > 0) await one();
      }),
    );
  }

  close(): void {
    this.#client.close();
  }
}

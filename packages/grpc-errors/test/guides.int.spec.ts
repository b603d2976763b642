// What docs/guides say of deadlines, metadata and streams holds.
import type { AddressInfo } from 'node:net';
import { createServer, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { freePort, openContext, openMicroservice, waitFor } from '@acme/internal-testing';
import { Metadata } from '@grpc/grpc-js';
import { MessageContext } from '@acme/nest-message-context';
import { RemoteDeadlineExceededError } from '@acme/nest-grpc-errors';
import { from, lastValueFrom, tap, toArray } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openProbe } from './support/probe-app.js';
import {
  callersModule,
  ReportLockedError,
  Reports,
  reportsModule,
  ReportStore,
  transport,
  type Report,
} from './support/reports-example.js';

/** Remembers who it was for. */
class Store extends ReportStore {
  url = 'http://127.0.0.1:1';
  readonly seen: string[] = [];
  hasEnded = false;
  length = Infinity;
  /** Called for each report that is saved. */
  next: Reports | undefined;

  async *changes(id: string, signal: AbortSignal): AsyncGenerator<Report> {
    try {
      for (let n = 0; n < this.length && !signal.aborted; n += 1) {
        yield { id, text: String(n) };
        await new Promise(setImmediate);
      }
      if (this.length < Infinity) throw new ReportLockedError(id);
    } finally {
      this.hasEnded = true;
    }
  }

  async save(report: Report): Promise<Report> {
    await new Promise(setImmediate);
    const { correlationId, tenantId } = MessageContext.require();
    this.seen.push(`${report.id} ${correlationId} ${tenantId}`);
    if (this.next) await lastValueFrom(this.next.service.editReports([report]));
    if (report.text === 'locked') throw new ReportLockedError(report.id);
    return { ...report, text: report.text.toUpperCase() };
  }
}

let store: Store;
let reports: Reports;
const open: { close(): Promise<void> }[] = [];

async function scene() {
  const opened = new Store();
  const url = `127.0.0.1:${await freePort()}`;
  open.push(await openMicroservice(reportsModule(opened), transport(url)));
  const callers = await openContext(callersModule(url));
  open.push(callers);
  return { opened, callers: callers.app.get(Reports) };
}

beforeEach(async () => {
  ({ opened: store, callers: reports } = await scene());
});
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close();
});

const made = (...texts: string[]): Report[] =>
  texts.map((text, index) => ({ id: String(index), text }));

async function* asked(all: readonly Report[]): AsyncGenerator<Report> {
  yield* all;
}

describe('a deadline', () => {
  it('ends what the handler waits for', async () => {
    const requests: IncomingMessage[] = [];
    const http = createServer((request) => void requests.push(request)).listen(0, '127.0.0.1');
    await once(http, 'listening');
    store.url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
    await expect(reports.get('7', 'acme')).rejects.toBeInstanceOf(RemoteDeadlineExceededError);
    await waitFor(() => requests.length === 1 && requests[0]!.destroyed);
    http.closeAllConnections();
    http.close();
    await once(http, 'close');
  });
});

describe('a stream', () => {
  it('of answers ends at the other side when its reader has enough', async () => {
    expect(await reports.firstChange('7')).toEqual({ id: '7', text: '0' });
    await waitFor(() => store.hasEnded);
  });

  it('of requests is taken as it comes, each in the context of the call', async () => {
    expect(await reports.import(asked(made('a', 'b', 'c')))).toBe(3);
    const [first, ...others] = store.seen.map((one) => one.split(' '));
    expect(others.map(([, id]) => id)).toEqual([first![1], first![1]]);
  });

  it.each(['editReports', 'copyReports'] as const)(
    'goes both ways, with what has failed at its end: %s',
    async (method) => {
      const answers: string[] = [];
      const call = reports.service[method](from(made('a', 'b', 'locked')));
      const error = await lastValueFrom(call.pipe(tap(({ text }) => answers.push(text)))).catch(
        (thrown: unknown) => thrown,
      );
      expect(answers).toEqual(['A', 'B']);
      expect(error).toBeInstanceOf(ReportLockedError);
      expect((error as ReportLockedError).id).toBe('2');
      expect(new Set(store.seen.map((one) => one.split(' ')[1])).size).toBe(1);
    },
  );

  it('that fails is told of at once: a reader that subscribes has had all, and a slow one loses what it has not read', async () => {
    store.length = 40;
    const read: Report[] = [];
    const subscribed = reports.service.watchReports({ id: '7' }).pipe(tap((one) => read.push(one)));
    await expect(lastValueFrom(subscribed.pipe(toArray()))).rejects.toBeInstanceOf(
      ReportLockedError,
    );
    expect(read).toHaveLength(40);

    store.hasEnded = false;
    const slow: Report[] = [];
    const reading = async (): Promise<void> => {
      for await (const report of reports.service.watchReports({ id: '7' })) {
        slow.push(report);
        await waitFor(() => store.hasEnded);
        // Another call of the same connection: by its end the failure has come.
        await reports.import(asked([]));
      }
    };
    await expect(reading()).rejects.toBeInstanceOf(ReportLockedError);
    expect(slow.length).toBeLessThan(40);
  });
});

describe('metadata', () => {
  it('says whose it is from a door on, to all that trust it', async () => {
    const { opened: last, callers } = await scene();
    store.next = callers;
    const metadata = { 'x-tenant-id': 'acme' };
    await lastValueFrom(reports.service.editReports(made('a'), { metadata }));
    expect(last.seen).toEqual(store.seen);
    expect(store.seen).toEqual([expect.stringMatching(/^0 \S+ acme$/)]);
  });

  it('is not believed by those who do not trust it, and a strange correlation id is not either', async () => {
    const seen: unknown[] = [];
    const { invoke, close } = await openProbe({
      handle: () => {
        const { tenantId, correlationId } = MessageContext.require();
        seen.push(tenantId, correlationId.length);
        return { id: 'a' };
      },
    });
    const metadata = new Metadata();
    metadata.set('x-tenant-id', 'acme');
    metadata.set('x-correlation-id', 'x'.repeat(200));
    await invoke('Unary', { metadata });
    expect(seen).toEqual([undefined, 36]);
    await close();
  });

  it('that HTTP/2 does not carry fails the call that it was asked for', async () => {
    await expect(reports.get('7', 'Zürich')).rejects.toThrow(/encodeURIComponent/);
  });
});

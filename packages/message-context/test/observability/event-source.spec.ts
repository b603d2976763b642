import { channel } from 'node:diagnostics_channel';
import { map } from 'rxjs';
import { EventChannels, EventSource } from '@acme/nest-message-context/observability';
import { describe, expect, it } from 'vitest';

interface Event {
  readonly type: 'begun' | 'ended';
  readonly id: number;
}

const CHANNELS = new EventChannels<Event>('tests', ['begun', 'ended']);

const source = () => {
  const reported: unknown[] = [];
  return {
    reported,
    events: new EventSource<Event>(CHANNELS, (error) => void reported.push(error)),
  };
};

describe('EventSource', () => {
  it('tells its own subscribers and those of the channel, and knows when there are none', () => {
    const { events } = source();
    const told: unknown[] = [];
    const listen = (event: unknown): void => void told.push(['channel', event]);
    expect(events.hasListeners).toBe(false);
    const subscription = events.events$.subscribe((event) => told.push(['observable', event]));
    expect(events.hasListeners).toBe(true);
    events.tell({ type: 'begun', id: 1 });
    subscription.unsubscribe();
    expect(events.hasListeners).toBe(false);
    channel('acme:tests:ended').subscribe(listen);
    expect(events.hasListeners).toBe(true);
    events.tell({ type: 'begun', id: 2 });
    events.tell({ type: 'ended', id: 3 });
    channel('acme:tests:ended').unsubscribe(listen);
    expect(events.hasListeners).toBe(false);
    expect(told).toEqual([
      ['observable', { type: 'begun', id: 1 }],
      ['channel', { type: 'ended', id: 3 }],
    ]);
  });

  it('bears subscribers that throw, also behind operators, and completes', () => {
    const { events, reported } = source();
    const told: unknown[] = [];
    const fault = new Error('a faulty counter');
    events.events$.subscribe(() => {
      throw fault;
    });
    events.events$.pipe(map(({ id }) => id)).subscribe({
      next: () => {
        throw fault;
      },
    });
    events.events$.subscribe({ next: ({ id }) => told.push(id), complete: () => told.push('end') });
    events.tell({ type: 'begun', id: 1 });
    events.tell({ type: 'begun', id: 2 });
    events.end();
    expect(told).toEqual([1, 2, 'end']);
    expect(reported).toEqual([fault, fault, fault, fault]);
  });
});

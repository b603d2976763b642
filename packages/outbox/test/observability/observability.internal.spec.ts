import { PublishError } from '@acme/nest-message-context';
import { channel } from 'node:diagnostics_channel';
import { describe, expect, it } from 'vitest';
import { errorCodeOf } from '../../src/observability/error-code.js';
import { EVENT_TYPES } from '../../src/observability/event.js';
import { Observability } from '../../src/observability/observability.js';
import { stored } from '../support/relay-parts.internal.js';

describe('Observability', () => {
  it('does not even look at a message while nobody listens', () => {
    const observed = new Observability('default');
    const trap = new Proxy(stored(1), {
      get: (_target, name) => {
        throw new Error(`looked at ${String(name)}`);
      },
    });
    observed.look();
    observed.added([trap], true);
    observed.published([trap]);
    observed.heldBack({ row: trap, attempts: 1, tries: 1, history: [], delayMs: 1 });
    const subscription = observed.events$.subscribe();
    expect(() => observed.added([trap], true)).toThrow('looked at type');
    subscription.unsubscribe();
    observed.added([trap], true);
  });

  it.each(EVENT_TYPES)('notices who listens on the channel of %s only', (type) => {
    const observed = new Observability('default');
    const seen: unknown[] = [];
    const listen = (event: unknown): void => void seen.push(event);
    channel(`acme:outbox:${type}`).subscribe(listen);
    observed.added([stored(1)], true);
    observed.up('broker_up', 7);
    channel(`acme:outbox:${type}`).unsubscribe(listen);
    observed.up('broker_up', 8);
    expect(seen).toHaveLength(type === 'added' || type === 'broker_up' ? 1 : 0);
  });

  it('names errors without their messages', () => {
    const refused = Object.assign(new Error('10.0.0.1:5432 said no'), { code: 'ECONNREFUSED' });
    expect(errorCodeOf(refused)).toBe('ECONNREFUSED');
    expect(errorCodeOf(new PublishError('NOT_CONNECTED', 'There is none.'))).toBe('NOT_CONNECTED');
    expect(errorCodeOf(Object.assign(new TypeError('x'), { code: 'a secret, in words' }))).toBe(
      'TypeError',
    );
    expect(errorCodeOf(Object.assign(new Error('x'), { code: 404 }))).toBe('404');
    for (const nothing of [undefined, null, Object.create(null)])
      expect(errorCodeOf(nothing)).toBe('Error');
    expect(errorCodeOf('a text')).toBe('String');
  });
});

import { HeaderNames, PlainJsonDeserializer } from '@acme/nest-message-context';
import { describe, expect, it } from 'vitest';

const read = (value: unknown, properties?: object): unknown =>
  new PlainJsonDeserializer().deserialize(value, properties);

describe('PlainJsonDeserializer', () => {
  it.each([[{ n: 1 }], [null], ['text'], [0], [[1, 2]], [{ pattern: 'x', data: 'y' }]])(
    'takes the pattern from the type and the body as the payload: %j',
    (body) => {
      expect(read(body, { type: 'order.placed.v1' })).toEqual({
        pattern: 'order.placed.v1',
        data: body,
      });
    },
  );

  it('makes a request only of what has both a reply address and an id', () => {
    const request = { type: 't', replyTo: 'back', correlationId: 'c-1' };
    expect(read(1, request)).toEqual({ pattern: 't', data: 1, id: 'c-1' });
    expect(read(1, { ...request, replyTo: undefined })).toEqual({ pattern: 't', data: 1 });
    expect(read(1, { ...request, correlationId: undefined })).toEqual({ pattern: 't', data: 1 });
  });

  it('reads Nest’s envelope as ever where there is no type', () => {
    const envelope = { pattern: 'p', data: 1, id: 'i' };
    expect(read(envelope)).toBe(envelope);
    expect(read(envelope, { type: '' })).toBe(envelope);
  });

  it.each([[null], ['text'], [1], [{ pattern: 'alone' }], [undefined]])(
    'finds no pattern in what is neither: %j',
    (body) => {
      expect(read(body, {})).toEqual({ pattern: undefined, data: body });
    },
  );
});

describe('HeaderNames', () => {
  it('are lower case, and each there once', () => {
    const names = Object.values(HeaderNames);
    expect(names).toEqual(names.map((name) => name.toLowerCase()));
    expect(new Set(names).size).toBe(names.length);
  });
});

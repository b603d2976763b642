// Compiled, never run: a misspelt field must not compile, an event must.
import type { OutboundMessage } from '@acme/nest-message-context';
import { OutboxEvent, type Outbox } from '@acme/nest-outbox';

@OutboxEvent<OrderPlaced>({ type: 'order.placed.v1', key: (event) => event.orderId })
class OrderPlaced {
  constructor(readonly orderId: string) {}
}

@OutboxEvent({ type: (event: Typed) => event.type })
class Typed {
  readonly type = 'typed.v1';
  readonly payload = 'a field like any other';
}

@OutboxEvent({ type: 'empty.v1' })
class Empty {}

export async function add(outbox: Outbox, message: OutboundMessage, list: OrderPlaced[]) {
  await outbox.add(message);
  await outbox.add({ type: 'a', payload: 1, key: 'k' });
  await outbox.add([{ type: 'a', payload: 1 }, message]);
  await outbox.add(new OrderPlaced('1'));
  await outbox.add(new OrderPlaced('1'), { tx: {} });
  await outbox.add(new Typed());
  await outbox.add(new Empty());
  await outbox.add([new OrderPlaced('1'), new Typed(), new Empty()]);
  await outbox.add(list);
  await outbox.add([new OrderPlaced('1'), { type: 'a', payload: 1, key: 'k' }, message]);
}

export async function refuse(outbox: Outbox) {
  // @ts-expect-error a misspelt field
  await outbox.add({ type: 'a', payload: 1, kye: 'k' });
  // @ts-expect-error no payload
  await outbox.add({ type: 'a' });
  // @ts-expect-error a misspelt payload
  await outbox.add({ type: 'a', paylaod: 1 });
  // @ts-expect-error no type
  await outbox.add({ payload: 1 });
  // @ts-expect-error a misspelt field in a list
  await outbox.add([{ type: 'a', payload: 1, kye: 'k' }]);
  // @ts-expect-error the same among events
  await outbox.add([new OrderPlaced('1'), { type: 'a', payload: 1, kye: 'k' }]);
  // @ts-expect-error no payload, among events
  await outbox.add([new OrderPlaced('1'), { type: 'a' }]);
  // @ts-expect-error a wrong type
  await outbox.add({ type: 'a', payload: 1, key: 7 });
  // @ts-expect-error a misspelt option
  await outbox.add({ type: 'a', payload: 1 }, { txx: {} });
  // @ts-expect-error no message at all
  await outbox.add('a');
  // @ts-expect-error nor a number
  await outbox.add(7);
  // @ts-expect-error nor a list of texts
  await outbox.add(['a']);
}

// @ts-expect-error an option that does not exist
@OutboxEvent({ type: 'a', routing: 'b' })
export class Misspelt {}

// @ts-expect-error no type
@OutboxEvent({ key: 'b' })
export class Nameless {}

// @ts-expect-error a function of something else
@OutboxEvent({ type: 'a', key: (event: OrderPlaced) => event.orderId })
export class Other {}

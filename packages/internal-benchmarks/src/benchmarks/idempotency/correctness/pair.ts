import type { INestApplication } from '@nestjs/common';
import {
  Idempotent,
  IdempotencyModule,
  type IdempotencyModuleOptions,
} from '@acme/nest-idempotency';
import {
  Idempotent as TheirIdempotent,
  NodeIdempotencyModule,
  StorageAdapterEnum,
} from '@node-idempotency/nestjs';
import { type HttpApp, openHttp } from '../http-app.js';
import { ordersUnder, withoutSecret, type Orders } from './orders.js';
import type { Observation } from './scenario.js';

/** One of the two applications, with what its handlers have done. */
export type Side = HttpApp & Orders;

/** How the two are set up, beside their defaults. */
export interface PairSetup {
  readonly ours?: Partial<IdempotencyModuleOptions>;
  readonly theirs?: Partial<Parameters<typeof NodeIdempotencyModule.forRootAsync>[0]>;
  readonly configure?: (app: INestApplication) => void;
}

/** What one side showed. */
export interface Shown {
  readonly result: string;
  /** Whether that is right; asked of ours only. */
  readonly ok: boolean;
}

class Root {}

/** Does the same to the application under `@node-idempotency/nestjs` and to ours, both with a memory store. */
export async function onBoth(
  setup: PairSetup,
  act: (side: Side) => Promise<Shown>,
): Promise<Observation> {
  const theirs = await onTheirs(setup, act);
  const ours = await onOurs(setup, act);
  return { peerResult: theirs.result, ours: ours.result, ok: ours.ok };
}

async function onTheirs({ theirs, configure }: PairSetup, act: (side: Side) => Promise<Shown>) {
  const orders = ordersUnder(TheirIdempotent);
  const storage = { adapter: StorageAdapterEnum.memory };
  const module = NodeIdempotencyModule.forRootAsync({ storage, ...theirs });
  return acting(orders, module, configure, act);
}

async function onOurs({ ours, configure }: PairSetup, act: (side: Side) => Promise<Shown>) {
  const orders = ordersUnder(Idempotent, () => Idempotent({ serialize: withoutSecret }));
  const module = IdempotencyModule.forRoot({ namespace: 'bench', principal: false, ...ours });
  return acting(orders, module, configure, act);
}

async function acting(
  orders: Orders,
  module: ReturnType<typeof IdempotencyModule.forRoot>,
  configure: PairSetup['configure'],
  act: (side: Side) => Promise<Shown>,
): Promise<Shown> {
  const root = { module: Root, imports: [module], controllers: [orders.controller] };
  const http = await openHttp(root, configure);
  try {
    // Not a copy: `gate` is replaced by scenarios.
    return await act(Object.assign(orders, http));
  } finally {
    await http.close();
  }
}

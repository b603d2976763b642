import type { Databases } from '../world/databases.js';

/** What the tables say about the orders of one reference. */
export interface Fate {
  readonly orders: number;
  readonly charges: number;
  readonly mails: number;
  /** From placed to charged, for each charge. */
  readonly latenciesMs: readonly number[];
}

export interface Counts {
  /** By the customers' references. */
  readonly fates: ReadonlyMap<string, Fate>;
  readonly orders: number;
  readonly charges: number;
  readonly mails: number;
}

interface OrderRow {
  readonly id: string;
  readonly reference: string;
  readonly placed_ms: number;
}
interface ChargeRow {
  readonly order_id: string;
  readonly captured_ms: number;
}
interface MailRow {
  readonly order_id: string;
}

/** Counts what became of the orders, from the tables of the three services that have some. */
export async function count(databases: Databases): Promise<Counts> {
  const rows = async <Row extends object>(sql: string): Promise<Row[]> =>
    (await databases.pool.query<Row>(sql)).rows;
  const epoch = (column: string): string => `extract(epoch from ${column})::float8 * 1000`;
  const orders = await rows<OrderRow>(
    `select id, reference, ${epoch('placed_at')} as placed_ms from ${databases.schema('orders')}.orders`,
  );
  const charges = await rows<ChargeRow>(
    `select order_id, ${epoch('captured_at')} as captured_ms from ${databases.schema('billing')}.charges`,
  );
  const mails = await rows<MailRow>(
    `select order_id from ${databases.schema('notifications')}.sent_mails`,
  );
  const chargesOf = byOrder(charges);
  const mailsOf = byOrder(mails);
  const fates = new Map<string, Fate>();
  for (const { id, reference, placed_ms } of orders) {
    const before = fates.get(reference);
    const own = chargesOf.get(id) ?? [];
    fates.set(reference, {
      orders: (before?.orders ?? 0) + 1,
      charges: (before?.charges ?? 0) + own.length,
      mails: (before?.mails ?? 0) + (mailsOf.get(id)?.length ?? 0),
      latenciesMs: [
        ...(before?.latenciesMs ?? []),
        ...own.map(({ captured_ms }) => captured_ms - placed_ms),
      ],
    });
  }
  return { fates, orders: orders.length, charges: charges.length, mails: mails.length };
}

function byOrder<Row extends { readonly order_id: string }>(rows: readonly Row[]) {
  const groups = new Map<string, Row[]>();
  for (const row of rows) groups.set(row.order_id, [...(groups.get(row.order_id) ?? []), row]);
  return groups;
}

import type { ClientBase } from 'pg';

export interface Receipt {
  /** Chosen by the payment provider, the same however often it tells us. */
  readonly id: string;
  readonly orderId: string;
  readonly amount: number;
}

// #region table
export const paymentTable = `
  create table payment (
    receipt_id text primary key,
    order_id text not null,
    amount integer not null
  )`;
// #endregion

// #region record
/** Records a payment once. Returns false when this receipt was recorded before: the caller has nothing more to do. */
export async function recordPayment(client: ClientBase, receipt: Receipt): Promise<boolean> {
  const { rowCount } = await client.query(
    `insert into payment (receipt_id, order_id, amount) values ($1, $2, $3)
     on conflict (receipt_id) do nothing`,
    [receipt.id, receipt.orderId, receipt.amount],
  );
  return rowCount === 1;
}
// #endregion

// #region naive
/** Looks right, and pays twice: between the question and the answer another delivery asks the same. */
export async function recordPaymentNaively(client: ClientBase, receipt: Receipt): Promise<boolean> {
  const seen = await client.query('select 1 from payment where receipt_id = $1', [receipt.id]);
  if (seen.rowCount === 1) return false;
  await client.query('insert into payment (receipt_id, order_id, amount) values ($1, $2, $3)', [
    receipt.id,
    receipt.orderId,
    receipt.amount,
  ]);
  return true;
}
// #endregion

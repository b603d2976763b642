create table if not exists orders (
  id uuid primary key,
  customer_id text not null,
  reference text not null,
  amount_cents integer not null check (amount_cents > 0),
  placed_at timestamptz not null
);

-- What was sent. Nothing here keeps a mail from being recorded twice: a mail that was sent twice must show.
create table if not exists sent_mails (
  id bigint generated always as identity primary key,
  order_id uuid not null,
  customer_id text not null,
  sent_at timestamptz not null default now()
);

-- To whom the mail provider refuses to send.
create table if not exists refused_customers (
  customer_id text primary key
);

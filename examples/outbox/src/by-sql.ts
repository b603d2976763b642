/** For producers that are no Node process: the lane of a key, as the outbox computes it. */
// #region lane
export const laneFunction = `
  create function outbox_lane(key text) returns integer
  language plpgsql stable as $$
  declare
    bytes bytea := convert_to(key, 'UTF8');
    hash bigint := 2166136261;
  begin
    -- FNV-1a, 32 bits.
    for i in 0 .. length(bytes) - 1 loop
      hash := ((hash # get_byte(bytes, i)) * 16777619) & 4294967295;
    end loop;
    -- fmix32. Numeric, since the product of two 32-bit numbers is too large for a bigint.
    hash := hash # (hash >> 16);
    hash := (hash::numeric * 2246822507 % 4294967296)::bigint;
    hash := hash # (hash >> 13);
    hash := (hash::numeric * 3266489909 % 4294967296)::bigint;
    hash := hash # (hash >> 16);
    return hash % (select count(*) from outbox_lanes);
  end $$`;
// #endregion

// #region add
export const addBySql = `
  insert into outbox_messages (lane, message_id, type, key, occurred_at, payload)
  select outbox_lane(o.id), gen_random_uuid()::text, 'order.placed.v1', o.id, now(),
    json_build_object('orderId', o.id)::text
  from shop_order o
  where o.id = $1`;
// #endregion

/** With everything that adds and relays stopped, and nothing left in `outbox_messages`, `_waiting`, `_blocks` and `_delayed`. */
// #region lanes
export const changeLanes = `
  begin;
  delete from outbox_lanes;
  insert into outbox_lanes (lane) select generate_series(0, 31);
  update outbox_parked set lane = outbox_lane(coalesce(key, message_id));
  commit`;
// #endregion

/** For a service that may not create tables. */
// #region rights
export const grantRights = (schema: string, role: string): string => `
  grant usage on schema ${schema} to ${role};
  grant select, insert, update, delete on all tables in schema ${schema} to ${role}`;
// #endregion

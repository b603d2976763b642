/** What `by-sql.ts` has, for MariaDB. */
// #region lane
export const laneFunction = `
  create function outbox_lane(of_key varchar(255) character set utf8mb4) returns integer
  reads sql data
  begin
    declare bytes varbinary(1020) default cast(of_key as binary);
    declare hash bigint unsigned default 2166136261;
    declare i integer default 1;
    -- FNV-1a, 32 bits.
    while i <= length(bytes) do
      set hash = ((hash ^ ascii(substring(bytes, i, 1))) * 16777619) & 4294967295;
      set i = i + 1;
    end while;
    -- fmix32: the product of two 32-bit numbers has room in a bigint without a sign.
    set hash = hash ^ (hash >> 16);
    set hash = (hash * 2246822507) & 4294967295;
    set hash = hash ^ (hash >> 13);
    set hash = (hash * 3266489909) & 4294967295;
    set hash = hash ^ (hash >> 16);
    return hash % (select count(*) from outbox_lanes);
  end`;
// #endregion

// #region add
export const addBySql = `
  insert into outbox_messages (lane, message_id, type, \`key\`, occurred_at, payload)
  select outbox_lane(o.id), uuid(), 'order.placed.v1', o.id, utc_timestamp(6),
    json_object('orderId', o.id)
  from shop_order o
  where o.id = ?`;
// #endregion

/** With everything that adds and relays stopped, and nothing left in `outbox_messages`, `_waiting`, `_blocks` and `_delayed`. */
// #region lanes
export const changeLanes = `
  start transaction;
  delete from outbox_lanes;
  insert into outbox_lanes (lane)
  with recursive l (lane) as (select 0 union all select lane + 1 from l where lane < 31)
  select lane from l;
  update outbox_parked set lane = outbox_lane(coalesce(\`key\`, message_id));
  commit`;
// #endregion

/** For a service that may not create tables. */
// #region rights
export const grantRights = (database: string, user: string): string => `
  grant select, insert, update, delete on ${database}.* to ${user}`;
// #endregion

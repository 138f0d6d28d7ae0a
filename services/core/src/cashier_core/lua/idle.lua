-- Changes what a store's screens show between calls, and announces the change. The calls of the store do not change.
-- If the new values are equal to the old ones, the script announces nothing.
local known = redis.call('HMGET', store, 'language', 'notice', 'look')
if known[1] == args.language and (known[2] or '') == args.notice and (known[3] or '') == args.appearance_id then
  return redis.status_reply('OK')
end
redis.call('HSET', store, 'language', args.language, 'notice', args.notice, 'look', args.appearance_id)
announce({
  seq = tonumber(redis.call('HGET', store, 'seq') or 0), num_cashier = 0,
  language = args.language, starts_in_ms = 0, hold_ms = 0,
})
return redis.status_reply('OK')
